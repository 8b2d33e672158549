-- Teams; memories that are shared, versioned, reviewed and counted; where imported rows came from; keys that a restore
-- suspends.

CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  name TEXT NOT NULL,
  name_folded TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  version BIGINT NOT NULL
);
CREATE UNIQUE INDEX teams_by_name ON teams (workspace_id, name_folded);

CREATE TABLE team_members (
  workspace_id TEXT NOT NULL,
  team_id TEXT NOT NULL REFERENCES teams (id),
  principal TEXT NOT NULL,
  added_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, team_id, principal)
);
CREATE INDEX team_members_by_principal ON team_members (workspace_id, principal, team_id);

ALTER TABLE api_keys ADD COLUMN suspended_at BIGINT;

-- `changed_by` and `change` say who made the present version, and how; earlier ones are in memory_versions.
ALTER TABLE memories ADD COLUMN team_id TEXT;
ALTER TABLE memories ADD COLUMN trust TEXT NOT NULL DEFAULT 'unreviewed';
ALTER TABLE memories ADD COLUMN flags TEXT NOT NULL DEFAULT '[]';
ALTER TABLE memories ADD COLUMN flags_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memories ADD COLUMN superseded_by TEXT;
ALTER TABLE memories ADD COLUMN supersedes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE memories ADD COLUMN changed_by TEXT NOT NULL DEFAULT '';
ALTER TABLE memories ADD COLUMN change TEXT NOT NULL DEFAULT 'created';
UPDATE memories SET changed_by = owner;
UPDATE memories SET change = 'updated' WHERE version > 1;
UPDATE memories SET change = 'deleted' WHERE deleted_at IS NOT NULL;

-- What everybody in the workspace may read, what a team may read, and what waits to end.
DROP INDEX memories_public_sorted;
DROP INDEX memories_public_updated;
DROP INDEX memories_public_created;
CREATE INDEX memories_open_sorted ON memories (workspace_id, COALESCE(key, ''), id)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND access IN ('public', 'system');
CREATE INDEX memories_open_updated ON memories (workspace_id, updated_at, id)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND access IN ('public', 'system');
CREATE INDEX memories_open_created ON memories (workspace_id, created_at, id)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND access IN ('public', 'system');
CREATE INDEX memories_team_sorted ON memories (workspace_id, team_id, COALESCE(key, ''), id)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND team_id IS NOT NULL;
CREATE INDEX memories_team_updated ON memories (workspace_id, team_id, updated_at, id)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND team_id IS NOT NULL;
CREATE INDEX memories_team_created ON memories (workspace_id, team_id, created_at, id)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND team_id IS NOT NULL;
CREATE INDEX memories_quarantined ON memories (workspace_id, trust, id) WHERE deleted_at IS NULL AND trust = 'quarantined';
CREATE INDEX memories_flagged ON memories (workspace_id, deleted_at, id) WHERE deleted_at IS NULL AND flags <> '[]';
CREATE INDEX memories_stored ON memories (workspace_id, id) WHERE deleted_at IS NULL;
CREATE INDEX memories_deleted ON memories (workspace_id, owner, id) WHERE deleted_at IS NOT NULL;
CREATE INDEX memories_open_expiring ON memories (workspace_id, expires_at)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND access IN ('public', 'system') AND expires_at IS NOT NULL;
CREATE INDEX memories_team_expiring ON memories (workspace_id, team_id, expires_at)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND team_id IS NOT NULL AND expires_at IS NOT NULL;
-- What lists and statistics look at in rows that were granted one by one; their own rows are read for one page only.
CREATE INDEX memories_granted ON memories (CAST(id AS TEXT), id, workspace_id, owner, kind, access, team_id, trust, layer,
  project, key, expires_at, size_bytes, created_at, updated_at, deleted_at)
  WHERE deleted_at IS NULL AND trust <> 'quarantined' AND access IN ('shared', 'team');
CREATE INDEX memories_expiring ON memories (workspace_id, owner, expires_at)
  WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX memories_by_expiry ON memories (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX memories_by_deletion ON memories (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX memories_changed_by_others ON memories (workspace_id, changed_by, updated_at) WHERE changed_by <> owner;

CREATE TABLE memory_grants (
  workspace_id TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  grantee TEXT NOT NULL,
  permission TEXT NOT NULL,
  expires_at BIGINT,
  granted_by TEXT NOT NULL,
  granted_at BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, memory_id, grantee)
);
CREATE INDEX memory_grants_by_grantee ON memory_grants (workspace_id, grantee, memory_id, expires_at, permission);

-- Versions that were replaced; the present one is the row itself.
CREATE TABLE memory_versions (
  workspace_id TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  owner TEXT NOT NULL,
  at BIGINT NOT NULL,
  author TEXT NOT NULL,
  change TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  PRIMARY KEY (workspace_id, memory_id, version)
);
CREATE INDEX memory_versions_by_others ON memory_versions (workspace_id, author, at) WHERE author <> owner;

-- What was deleted so long ago that only this is left of it.
CREATE TABLE memory_tombstones (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  deleted_at BIGINT NOT NULL
);
CREATE INDEX memory_tombstones_by_age ON memory_tombstones (deleted_at);

-- Undeleted rows and their bytes, kept in step by every change: statistics and quotas read these few rows.
CREATE TABLE memory_counts (
  workspace_id TEXT NOT NULL,
  owner TEXT NOT NULL,
  kind TEXT NOT NULL,
  access TEXT NOT NULL,
  team_id TEXT NOT NULL,
  trust TEXT NOT NULL,
  layer TEXT NOT NULL,
  live BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  PRIMARY KEY (workspace_id, owner, kind, access, team_id, trust, layer)
);
CREATE INDEX memory_counts_by_access ON memory_counts (workspace_id, access, team_id);
INSERT INTO memory_counts (workspace_id, owner, kind, access, team_id, trust, layer, live, bytes)
  SELECT workspace_id, owner, kind, access, '', trust, COALESCE(layer, ''), COUNT(*), CAST(SUM(size_bytes) AS BIGINT)
  FROM memories WHERE deleted_at IS NULL GROUP BY workspace_id, owner, kind, access, trust, COALESCE(layer, '');

-- Long work, and where imported rows came from.
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id),
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  spec TEXT NOT NULL,
  progress TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX jobs_open ON jobs (kind, id) WHERE state IN ('queued', 'running');

CREATE TABLE origins (
  workspace_id TEXT NOT NULL,
  system TEXT NOT NULL,
  noun TEXT NOT NULL,
  source_id TEXT NOT NULL,
  object TEXT NOT NULL,
  digest TEXT NOT NULL,
  file_sha256 TEXT NOT NULL,
  imported_at BIGINT NOT NULL,
  job_id TEXT NOT NULL,
  PRIMARY KEY (workspace_id, system, noun, source_id)
);
CREATE INDEX origins_by_object ON origins (workspace_id, object);
