"""Agent definition v1 as pydantic models: the rules that can be stated of each part alone."""
