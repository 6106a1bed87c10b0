-- Everything the server keeps, by subject. Times are microseconds since the epoch; ids are the 25 characters the SDK
-- sees; a column named after a table without more (data_row, task) holds the `seq` of that table where it has one.

-- the server itself, datasets and their rows: datasets.py, data_rows.py, attachments.py, embeddings.py, metadata.py

CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS dataset (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, signer TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);

-- metadata is a JSON object by field id; an enum holds the list of its option ids.
-- media_state: 0 nothing to do, 1 media attributes are to be read.
CREATE TABLE IF NOT EXISTS data_row (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dataset TEXT NOT NULL, global_key TEXT UNIQUE,
    external_id TEXT, row_data TEXT NOT NULL, media_type TEXT, metadata TEXT NOT NULL, media_attributes TEXT,
    media_state INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS data_row_dataset ON data_row (dataset);
CREATE INDEX IF NOT EXISTS data_row_external_id ON data_row (external_id) WHERE external_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS data_row_media ON data_row (media_state) WHERE media_state = 1;

-- The global key of a deleted row, until it is free again: held_keys.py
CREATE TABLE IF NOT EXISTS held_key (global_key TEXT PRIMARY KEY, free_at INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS attachment (
    id TEXT PRIMARY KEY, data_row INTEGER NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, name TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS attachment_data_row ON attachment (data_row);

CREATE TABLE IF NOT EXISTS embedding (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, dims INTEGER NOT NULL, custom INTEGER NOT NULL);
-- numbers are little-endian 64-bit floats.
CREATE TABLE IF NOT EXISTS vector (
    data_row INTEGER NOT NULL, embedding TEXT NOT NULL, numbers BLOB NOT NULL, clusters TEXT);
CREATE UNIQUE INDEX IF NOT EXISTS vector_data_row ON vector (data_row, embedding);
CREATE INDEX IF NOT EXISTS vector_embedding ON vector (embedding);

CREATE TABLE IF NOT EXISTS metadata_field (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, reserved INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS metadata_option (
    id TEXT PRIMARY KEY, field TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, UNIQUE (field, name));

CREATE TABLE IF NOT EXISTS integration (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, provider TEXT NOT NULL, settings TEXT NOT NULL, endpoint TEXT,
    valid INTEGER NOT NULL, last_valid_at INTEGER, is_default INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS upload (
    id TEXT PRIMARY KEY, filename TEXT NOT NULL, content_type TEXT NOT NULL, created_at INTEGER NOT NULL,
    consumed INTEGER NOT NULL DEFAULT 0);

-- progress is a JSON object, written in the transaction of the work it stands for, so that a task survives a restart.
CREATE TABLE IF NOT EXISTS task (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT NOT NULL,
    payload TEXT NOT NULL, fault TEXT, progress TEXT NOT NULL DEFAULT '{}', succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, result TEXT, due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS import_success (
    task INTEGER NOT NULL, position INTEGER NOT NULL, data_row TEXT NOT NULL,
    PRIMARY KEY (task, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS import_failure (
    task INTEGER NOT NULL, position INTEGER NOT NULL, message TEXT NOT NULL, spec TEXT NOT NULL,
    PRIMARY KEY (task, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS export_chunk (
    task TEXT NOT NULL, first_byte INTEGER NOT NULL, last_byte INTEGER NOT NULL,
    first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, PRIMARY KEY (task, first_byte)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY, result BLOB NOT NULL, due_at INTEGER NOT NULL, created_at INTEGER NOT NULL);

-- people: organization.py, invites.py

CREATE TABLE IF NOT EXISTS user (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL, is_external INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
-- projects is a JSON list of {projectId, roleId}; state: open, cancelled, accepted.
CREATE TABLE IF NOT EXISTS invite (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, email TEXT NOT NULL, role TEXT NOT NULL, projects TEXT NOT NULL,
    inviter TEXT NOT NULL, state TEXT NOT NULL, created_at INTEGER NOT NULL);

-- ontologies.py, feature_schemas.py

-- normalized is the JSON the SDK reads: {tools, classifications, relationships}, every node with its featureSchemaId
-- and schemaNodeId; a feature that was archived has "archived": 1 and stays in its place.
CREATE TABLE IF NOT EXISTS ontology (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL, media_type TEXT,
    editor_task_type TEXT, normalized TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
-- kind: tool, classification, relationship or option. Nested classifications and options are features of their own.
-- root: made by itself or as a root of an ontology, so that it is listed.
CREATE TABLE IF NOT EXISTS feature_schema (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, node TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    normalized TEXT NOT NULL, root INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
-- Which features an ontology has, at any depth; parent is null for a root.
CREATE TABLE IF NOT EXISTS ontology_feature (
    ontology TEXT NOT NULL, feature TEXT NOT NULL, parent TEXT, archived INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ontology, feature)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ontology_feature_feature ON ontology_feature (feature);

-- projects.py, members.py, tags.py, workflow.py, workflow_config.py, batches.py

-- deleted: the time of deletion; a deleted project is found nowhere, its rows are gone from it.
CREATE TABLE IF NOT EXISTS project (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
    media_type TEXT NOT NULL, editor_task_type TEXT, upload_type TEXT, auto_audit_labels INTEGER NOT NULL,
    auto_audit_percentage REAL NOT NULL, is_benchmark INTEGER NOT NULL, is_consensus INTEGER NOT NULL,
    ontology TEXT, model_setup_complete INTEGER, shows_predictions INTEGER NOT NULL DEFAULT 1,
    instructions_url TEXT, setup_complete_at INTEGER, last_activity_at INTEGER NOT NULL, created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, deleted INTEGER);
CREATE TABLE IF NOT EXISTS project_member (
    id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
    PRIMARY KEY (project, user)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS resource_tag (id TEXT PRIMARY KEY, text TEXT NOT NULL UNIQUE, color TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS project_tag (
    project TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (project, tag)) WITHOUT ROWID;

-- The queues of a project's workflow in their order. type: MANUAL_LABELING_QUEUE, MANUAL_REVIEW_QUEUE,
-- MANUAL_REWORK_QUEUE. There is no queue for what is done.
CREATE TABLE IF NOT EXISTS task_queue (
    id TEXT PRIMARY KEY, project TEXT NOT NULL, position INTEGER NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS task_queue_project ON task_queue (project, position);
-- config is the JSON {nodes, edges} of a workflow that was changed. The nodes that are queues have their ids.
CREATE TABLE IF NOT EXISTS project_workflow (project TEXT PRIMARY KEY, config TEXT NOT NULL, updated_at INTEGER NOT NULL);

-- consensus is the JSON {numberOfLabels, coveragePercentage} or null.
CREATE TABLE IF NOT EXISTS batch (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, name TEXT NOT NULL, consensus TEXT,
    created_by TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (project, name));

-- A data row in a project: it belongs to one batch there. queue null: the row is done. labels: how many labels it has
-- there that are not deleted. override: id of its labeling parameter override, when its priority was set by hand.
CREATE TABLE IF NOT EXISTS project_row (
    project TEXT NOT NULL, data_row INTEGER NOT NULL, batch TEXT NOT NULL, queue TEXT, priority INTEGER NOT NULL,
    labels INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0, override TEXT, added_at INTEGER NOT NULL,
    PRIMARY KEY (project, data_row)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS project_row_data_row ON project_row (data_row);
CREATE INDEX IF NOT EXISTS project_row_batch ON project_row (batch);
CREATE INDEX IF NOT EXISTS project_row_queue ON project_row (project, queue, priority);
-- Moves between queues. action: Move, Approve, Reject, Submit, Skip; a queue that is null stands for done.
CREATE TABLE IF NOT EXISTS workflow_move (
    seq INTEGER PRIMARY KEY, project TEXT NOT NULL, data_row INTEGER NOT NULL, action TEXT NOT NULL,
    previous_queue TEXT, next_queue TEXT, created_by TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS workflow_move_row ON workflow_move (data_row, project);

-- webhooks.py

-- project null: every project of the organization. topics is a JSON list.
CREATE TABLE IF NOT EXISTS webhook (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT, url TEXT NOT NULL, secret TEXT NOT NULL,
    topics TEXT NOT NULL, status TEXT NOT NULL, created_by TEXT NOT NULL, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL);
-- state: WAITING, DELIVERED, FAILED; outcome says what the last attempt met.
CREATE TABLE IF NOT EXISTS webhook_delivery (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, webhook TEXT NOT NULL, topic TEXT NOT NULL, body BLOB NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, outcome TEXT, due_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS webhook_delivery_due ON webhook_delivery (due_at) WHERE state = 'WAITING';

-- models.py, model_runs.py

CREATE TABLE IF NOT EXISTS model (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, ontology TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
-- status: EXPORTING_DATA, PREPARING_DATA, TRAINING_MODEL, COMPLETE, FAILED, or null before the first.
CREATE TABLE IF NOT EXISTS model_run (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, name TEXT NOT NULL, config TEXT,
    status TEXT, status_metadata TEXT, status_error TEXT, created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, UNIQUE (model, name));
-- split: TRAINING, VALIDATION, TEST, UNASSIGNED. label is the id of the label the row was added with, if any.
CREATE TABLE IF NOT EXISTS model_run_row (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, model_run TEXT NOT NULL, data_row INTEGER NOT NULL, label TEXT,
    split TEXT NOT NULL DEFAULT 'UNASSIGNED', created_at INTEGER NOT NULL, UNIQUE (model_run, data_row));
CREATE INDEX IF NOT EXISTS model_run_row_data_row ON model_run_row (data_row);

-- slices.py

-- filter is the JSON list of conditions, as the filters of exports; scope: catalog or model.
CREATE TABLE IF NOT EXISTS slice (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
    filter TEXT NOT NULL, sorting TEXT NOT NULL, scope TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);

-- annotations: labels.py, label_versions.py, reviews.py, annotation_imports.py, predictions.py, mask_pixels.py

-- content is the JSON of the annotations: {objects, classifications, relationships}, and tracks and spanned for what
-- moves through a video or a sound. plain: an export can hand content out as it is. import is the id of the
-- annotation_import it came with. A deleted label stays, so that its versions can be read.
CREATE TABLE IF NOT EXISTS label (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, data_row INTEGER NOT NULL,
    content TEXT NOT NULL, plain INTEGER NOT NULL, is_benchmark INTEGER NOT NULL, is_skipped INTEGER NOT NULL,
    seconds_to_label REAL NOT NULL, seconds_to_review REAL NOT NULL DEFAULT 0, import TEXT, created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, content_updated_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS label_project ON label (project, data_row);
CREATE INDEX IF NOT EXISTS label_data_row ON label (data_row);
CREATE INDEX IF NOT EXISTS label_import ON label (import) WHERE import IS NOT NULL;
-- A label as it was when it went from one hand to another. queue is the task queue its row was in, null for done.
CREATE TABLE IF NOT EXISTS label_version (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, label INTEGER NOT NULL, action TEXT NOT NULL,
    content TEXT NOT NULL, queue TEXT, queue_name TEXT, queue_type TEXT, created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS label_version_label ON label_version (label);
CREATE TABLE IF NOT EXISTS review (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, label INTEGER NOT NULL, score REAL NOT NULL,
    created_by TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS review_label ON review (label);

-- kind: label, mal, mea, mea_to_mal. parent is the project, or the model run of a mea. task does the work and has the
-- state. message says why an import failed as a whole.
CREATE TABLE IF NOT EXISTS annotation_import (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL,
    task TEXT NOT NULL, message TEXT, created_by TEXT NOT NULL, created_at INTEGER NOT NULL, finished_at INTEGER);
CREATE INDEX IF NOT EXISTS annotation_import_name ON annotation_import (kind, parent, name);

-- What a model thinks of a data row: shown in the project, or kept on the model run, that is its parent.
CREATE TABLE IF NOT EXISTS prediction (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, data_row INTEGER NOT NULL,
    content TEXT NOT NULL, plain INTEGER NOT NULL, import TEXT NOT NULL, created_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS prediction_parent ON prediction (parent, data_row);
CREATE INDEX IF NOT EXISTS prediction_data_row ON prediction (data_row);
CREATE INDEX IF NOT EXISTS prediction_import ON prediction (import);

-- The pixels of a mask. owner is the label or the prediction, feature the object in it, frame that of a video, else 0.
-- shown is the colour of the object in the composite of its owner; the others are those of annotations/masks.py, colours
-- as RRGGBB.
CREATE TABLE IF NOT EXISTS mask (
    owner TEXT NOT NULL, frame INTEGER NOT NULL, feature TEXT NOT NULL, shown TEXT NOT NULL, uri TEXT, png BLOB,
    color TEXT, height INTEGER, width INTEGER, runs TEXT, PRIMARY KEY (owner, frame, feature)) WITHOUT ROWID;

-- issues.py, issue_comments.py, issue_categories.py

-- number counts the issues of a project; position is JSON; status: Open, Resolved.
CREATE TABLE IF NOT EXISTS issue (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, number INTEGER NOT NULL,
    data_row INTEGER NOT NULL, label TEXT, category TEXT, content TEXT NOT NULL, position TEXT NOT NULL,
    status TEXT NOT NULL, created_by TEXT NOT NULL, resolved_by TEXT, created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL, resolved_at INTEGER, content_updated_at INTEGER);
CREATE INDEX IF NOT EXISTS issue_project ON issue (project);
CREATE INDEX IF NOT EXISTS issue_data_row ON issue (data_row);
CREATE TABLE IF NOT EXISTS issue_comment (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, issue TEXT NOT NULL, content TEXT NOT NULL,
    created_by TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS issue_comment_issue ON issue_comment (issue);
CREATE TABLE IF NOT EXISTS issue_category (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL);
