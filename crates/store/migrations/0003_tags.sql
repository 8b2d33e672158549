-- Which undeleted memories carry a tag.

CREATE TABLE memory_tags (
  workspace_id TEXT NOT NULL,
  tag TEXT NOT NULL,
  memory_id TEXT NOT NULL,
  PRIMARY KEY (workspace_id, tag, memory_id)
);
INSERT INTO memory_tags (workspace_id, tag, memory_id)
  SELECT DISTINCT memories.workspace_id, carried.value, memories.id FROM memories, json_each(memories.tags) AS carried
  WHERE memories.deleted_at IS NULL;
