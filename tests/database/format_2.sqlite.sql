BEGIN TRANSACTION;
CREATE TABLE features (
	item_id TEXT NOT NULL, 
	"view" TEXT NOT NULL, 
	maker TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	vector BLOB, 
	status TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (item_id, "view", maker)
);
INSERT INTO "features" VALUES('new','text','m',9000,NULL,'','');
INSERT INTO "features" VALUES('old','text','m',9000,NULL,'','');
CREATE TABLE feedback (
	user_id TEXT NOT NULL, 
	item_id TEXT NOT NULL, 
	feedback_type TEXT NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	updated BIGINT NOT NULL, 
	comment TEXT NOT NULL, 
	weight FLOAT, 
	PRIMARY KEY (user_id, item_id, feedback_type)
)
 WITHOUT ROWID

;
INSERT INTO "feedback" VALUES('u','old','like',1.0,5000,5000,'',NULL);
CREATE TABLE items (
	item_id TEXT NOT NULL, 
	is_hidden BOOLEAN NOT NULL, 
	categories TEXT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	labels TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	status TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	described BOOLEAN NOT NULL, 
	PRIMARY KEY (item_id)
)
 WITHOUT ROWID

;
INSERT INTO "items" VALUES('bundled',0,'["film"]',1000,'{}','bundled','live','',0,1);
INSERT INTO "items" VALUES('new',0,'["film"]',1000,'{}','new','queued','',9000,1);
INSERT INTO "items" VALUES('old',0,'["film"]',1000,'{}','old','live','',7000,1);
CREATE TABLE keys (
	key_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	per_second FLOAT, 
	created BIGINT NOT NULL, 
	revoked BIGINT, 
	PRIMARY KEY (key_id)
)
 WITHOUT ROWID

;
INSERT INTO "keys" VALUES('k','shop','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','read',NULL,1,NULL);
CREATE TABLE log (
	sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	action TEXT NOT NULL, 
	user_id TEXT, 
	item_id TEXT, 
	feedback_type TEXT, 
	value FLOAT, 
	weight FLOAT, 
	timestamp BIGINT NOT NULL, 
	made BIGINT NOT NULL
);
INSERT INTO "log" VALUES(1,'item',NULL,'old',NULL,NULL,NULL,7000,7000);
INSERT INTO "log" VALUES(2,'item',NULL,'new',NULL,NULL,NULL,7000,7000);
INSERT INTO "log" VALUES(3,'feedback','u','old','like',1.0,NULL,7000,7000);
INSERT INTO "log" VALUES(4,'item',NULL,'new',NULL,NULL,NULL,9000,9000);
CREATE TABLE media (
	item_id TEXT NOT NULL, 
	modality TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	media_type TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	made BIGINT NOT NULL, 
	PRIMARY KEY (item_id, modality)
)
 WITHOUT ROWID

;
INSERT INTO "media" VALUES('new','image','abababababababababababababababababababababababababababababababab','image/png',3,9000);
CREATE TABLE meta (
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('format','2');
INSERT INTO "meta" VALUES('secret','efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef');
INSERT INTO "meta" VALUES('snapshot 000002','8000');
CREATE TABLE users (
	user_id TEXT NOT NULL, 
	labels TEXT NOT NULL, 
	comment TEXT NOT NULL, 
	PRIMARY KEY (user_id)
)
 WITHOUT ROWID

;
INSERT INTO "users" VALUES('u','[]','');
CREATE INDEX items_by_status ON items (status);
CREATE INDEX media_by_digest ON media (digest);
CREATE INDEX feedback_by_item ON feedback (item_id);
CREATE INDEX feedback_by_type ON feedback (feedback_type, user_id, item_id);
CREATE INDEX log_by_user ON log (user_id);
CREATE INDEX log_of_erased ON log (made) WHERE action = 'forget';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('log',4);
COMMIT;
