"""What notebooks show of data sets, bundles, lists and reports.

Their classes lie in rooms below and find the functions of `html` by name (`_repr_html_`).

html.py     the pages
content.py  titles, pictures and players of items
"""
