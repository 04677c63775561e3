from tianji_core.testing import ProviderConformance
from tianji_provider_voyage import Voyage

RENAMED = {"dimensions": "output_dimension", "top_n": "top_k"}
MODELS = {"rerank": "rerank-2.5"}


class TestVoyage(ProviderConformance):
    provider_class = Voyage
    model = "voyage-3.5"
    models = MODELS
    base_url = "https://api.voyageai.com/v1"
    renamed_params = RENAMED
    has_filter = False
