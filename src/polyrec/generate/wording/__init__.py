"""Reasons in words, from the parts of an `Explanation`.

facts       what a reason may state: items of the history, and shares of sources
templates   a sentence in English or Chinese
check       whether a model's wording states the facts and nothing else
reason      the model's wording where it passes the check, else the template
"""
