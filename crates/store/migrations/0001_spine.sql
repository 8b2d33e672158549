-- Workspaces, principals, keys, memories, and the three ledgers every write appends to.
-- Only TEXT, BIGINT, DOUBLE PRECISION and BYTEA, so that one text serves both engines.

CREATE TABLE workspaces (
  id TEXT PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- The ends of a workspace's audit chain and outbox; touched as the last statement of every write.
CREATE TABLE workspace_heads (
  workspace_id TEXT PRIMARY KEY REFERENCES workspaces (id),
  audit_seq BIGINT NOT NULL,
  audit_mac BYTEA NOT NULL,
  outbox_seq BIGINT NOT NULL
);

CREATE TABLE agents (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  display_name TEXT NOT NULL,
  agent_type TEXT NOT NULL,
  role TEXT NOT NULL,
  grants TEXT NOT NULL,
  owner TEXT,
  capabilities TEXT NOT NULL,
  status TEXT NOT NULL,
  last_seen_at BIGINT,
  created_at BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX agents_by_name ON agents (workspace_id, name_folded);
CREATE INDEX agents_by_id ON agents (workspace_id, id);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  principal TEXT NOT NULL,
  hash BYTEA NOT NULL UNIQUE,
  prefix TEXT NOT NULL,
  label TEXT NOT NULL,
  permissions TEXT,
  toolsets TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  line_ends_at BIGINT NOT NULL,
  rotates_out_at BIGINT,
  revoked_at BIGINT,
  rate_per_minute BIGINT NOT NULL,
  rate_per_hour BIGINT NOT NULL,
  last_used_at BIGINT,
  usage_count BIGINT NOT NULL,
  self_rotate BIGINT NOT NULL
);
CREATE INDEX api_keys_by_id ON api_keys (workspace_id, id);

CREATE TABLE memories (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  owner TEXT NOT NULL,
  key TEXT,
  kind TEXT NOT NULL,
  content TEXT,
  value TEXT,
  size_bytes BIGINT NOT NULL,
  summary TEXT,
  tags TEXT NOT NULL,
  importance DOUBLE PRECISION NOT NULL,
  access TEXT NOT NULL,
  project TEXT,
  layer TEXT,
  expires_at BIGINT,
  metadata TEXT NOT NULL,
  provenance TEXT NOT NULL,
  access_count BIGINT NOT NULL,
  accessed_at BIGINT,
  relevance DOUBLE PRECISION NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT
);
CREATE UNIQUE INDEX memories_by_key ON memories (workspace_id, owner, key)
  WHERE deleted_at IS NULL AND key IS NOT NULL;
CREATE INDEX memories_own_updated ON memories (workspace_id, owner, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX memories_own_created ON memories (workspace_id, owner, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX memories_own_sorted ON memories (workspace_id, owner, COALESCE(key, ''), id) WHERE deleted_at IS NULL;
CREATE INDEX memories_public_sorted ON memories (workspace_id, COALESCE(key, ''), id)
  WHERE deleted_at IS NULL AND access = 'public';
CREATE INDEX memories_public_updated ON memories (workspace_id, updated_at, id)
  WHERE deleted_at IS NULL AND access = 'public';
CREATE INDEX memories_public_created ON memories (workspace_id, created_at, id)
  WHERE deleted_at IS NULL AND access = 'public';

-- What the search index needs of a memory's text, so that loading it tokenises nothing.
CREATE TABLE memory_terms (
  workspace_id TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  terms BYTEA NOT NULL,
  PRIMARY KEY (workspace_id, memory_id)
);

CREATE TABLE audit (
  workspace_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  ts BIGINT NOT NULL,
  actor TEXT NOT NULL,
  credential_id TEXT,
  via TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT,
  outcome TEXT NOT NULL,
  code TEXT,
  severity TEXT NOT NULL,
  ip TEXT,
  user_agent TEXT,
  request_id TEXT,
  details TEXT NOT NULL,
  prev BYTEA NOT NULL,
  mac BYTEA NOT NULL,
  PRIMARY KEY (workspace_id, seq)
);

CREATE TABLE outbox (
  workspace_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  PRIMARY KEY (workspace_id, seq)
);
CREATE INDEX outbox_by_age ON outbox (at);

CREATE TABLE replays (
  workspace_id TEXT NOT NULL,
  principal TEXT NOT NULL,
  key TEXT NOT NULL,
  body_hash BYTEA NOT NULL,
  object TEXT,
  answer TEXT,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, principal, key)
);
CREATE INDEX replays_by_age ON replays (created_at);
