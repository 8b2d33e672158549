//! How Guildhall is reached: HTTP, MCP, REST
