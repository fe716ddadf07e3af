"""Words for people, and requests in words.

chat/    a conversation about the catalogue by rules; a language model can replace its parser
"""
