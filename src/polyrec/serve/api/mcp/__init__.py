"""The service as tools of the Model Context Protocol, for assistants and agents.

tools      the tools: arguments, and the request to a route that each of them is
routing    that request, through all middlewares, with the caller's key
server     the MCP server, its endpoint POST /mcp
bridge     a server on stdin and stdout that passes calls on to that endpoint
"""
