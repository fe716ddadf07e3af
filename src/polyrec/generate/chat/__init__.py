"""A conversation: a message becomes words to search for, filters and items to be like.

vocabulary     the categories, labels and numbers of a catalogue, by their words
amounts        conditions on numbers: under 20 euros, at least 4 stars
periods        conditions on times: from the 1990s, added last week
chinese        Chinese messages in the words that the rules read
facets         categories and labels, wanted and unwanted
references     items that a message refers to: like "Toy Story", number 2
parse          all of these together: a message -> ParsedMessage
rewriting      a message in the forms that the rules read, by a language model
conversation   the state of a conversation, and the reply to a message
statements     what is to be kept of a person's taste: I don't like horror any more
profile        what a history has more often than the catalogue, in words
replies        what replies have
wordings       their sentences, in English and in Chinese
"""
