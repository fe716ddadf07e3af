"""The client of a language model.

prompt           a prompt: instructions of a version, data as JSON, the schema of the answer
backend          what a language model must do, and what it returns
http_backend     an OpenAI-compatible address
folder_backend   a local transformers folder
answer_store     answers by content, and tokens and costs of every use, in SQLite
client           all of these with limits: `LanguageModel`
"""
