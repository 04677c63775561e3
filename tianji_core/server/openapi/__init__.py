"""The API's document: what every route takes and gives, made when somebody asks for it.

A route states its types where it is defined (`permissions.Doc`), in the notation of `notation`; the types that have
names are in `types/`. None of it is read before `/openapi.json` is.
"""
