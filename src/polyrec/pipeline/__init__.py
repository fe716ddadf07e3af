"""From data to a bundle: assemble the parts, run the stages, write the report files."""
