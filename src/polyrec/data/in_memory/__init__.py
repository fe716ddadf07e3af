"""Data sets from frames and matrices in memory.

dataframes.py   frames of pandas and other libraries as polars frames
load_frames.py  frames and matrices to a data set
"""
