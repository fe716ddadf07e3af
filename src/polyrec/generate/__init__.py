"""Words for people, and requests in words.

chat/            a conversation about the catalogue by rules; a model can replace its parser
enrich/          further texts of items by a model, in a file that a run reads
language_model/  the client of a language model: limits, budget, cache; off by default
wording/         reasons in words: templates, and a model's wording where it passes a check
rerank           the order of a short list by a model, within a deadline
prompts/         the instructions sent to a language model, one version per file
"""
