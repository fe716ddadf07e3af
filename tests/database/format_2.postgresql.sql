CREATE TABLE public.features (
    item_id text NOT NULL,
    view text NOT NULL,
    maker text NOT NULL,
    revision bigint NOT NULL,
    vector bytea,
    status text NOT NULL,
    reason text NOT NULL
);
CREATE TABLE public.feedback (
    user_id text NOT NULL,
    item_id text NOT NULL,
    feedback_type text NOT NULL,
    value double precision NOT NULL,
    "timestamp" bigint NOT NULL,
    updated bigint NOT NULL,
    comment text NOT NULL,
    weight double precision
);
CREATE TABLE public.items (
    item_id text NOT NULL,
    is_hidden boolean NOT NULL,
    categories text NOT NULL,
    "timestamp" bigint NOT NULL,
    labels text NOT NULL,
    comment text NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    revision bigint NOT NULL,
    described boolean NOT NULL
);
CREATE TABLE public.keys (
    key_id text NOT NULL,
    name text NOT NULL,
    digest text NOT NULL,
    scopes text NOT NULL,
    per_second double precision,
    created bigint NOT NULL,
    revoked bigint
);
CREATE TABLE public.log (
    sequence bigint NOT NULL,
    action text NOT NULL,
    user_id text,
    item_id text,
    feedback_type text,
    value double precision,
    weight double precision,
    "timestamp" bigint NOT NULL,
    made bigint NOT NULL
);
CREATE SEQUENCE public.log_sequence_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.log_sequence_seq OWNED BY public.log.sequence;
CREATE TABLE public.media (
    item_id text NOT NULL,
    modality text NOT NULL,
    digest text NOT NULL,
    media_type text NOT NULL,
    size bigint NOT NULL,
    made bigint NOT NULL
);
CREATE TABLE public.meta (
    name text NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.users (
    user_id text NOT NULL,
    labels text NOT NULL,
    comment text NOT NULL
);
ALTER TABLE ONLY public.log ALTER COLUMN sequence SET DEFAULT nextval('public.log_sequence_seq'::regclass);
INSERT INTO public.features VALUES ('new', 'text', 'm', 9000, NULL, '', '');
INSERT INTO public.features VALUES ('old', 'text', 'm', 9000, NULL, '', '');
INSERT INTO public.feedback VALUES ('u', 'old', 'like', 1, 5000, 5000, '', NULL);
INSERT INTO public.items VALUES ('old', false, '["film"]', 1000, '{}', 'old', 'live', '', 7000, true);
INSERT INTO public.items VALUES ('new', false, '["film"]', 1000, '{}', 'new', 'queued', '', 9000, true);
INSERT INTO public.items VALUES ('bundled', false, '["film"]', 1000, '{}', 'bundled', 'live', '', 0, true);
INSERT INTO public.keys VALUES ('k', 'shop', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', 'read', NULL, 1, NULL);
INSERT INTO public.log VALUES (1, 'item', NULL, 'old', NULL, NULL, NULL, 7000, 7000);
INSERT INTO public.log VALUES (2, 'item', NULL, 'new', NULL, NULL, NULL, 7000, 7000);
INSERT INTO public.log VALUES (3, 'feedback', 'u', 'old', 'like', 1, NULL, 7000, 7000);
INSERT INTO public.log VALUES (4, 'item', NULL, 'new', NULL, NULL, NULL, 9000, 9000);
INSERT INTO public.media VALUES ('new', 'image', 'abababababababababababababababababababababababababababababababab', 'image/png', 3, 9000);
INSERT INTO public.meta VALUES ('format', '2');
INSERT INTO public.meta VALUES ('snapshot 000002', '8000');
INSERT INTO public.meta VALUES ('secret', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef');
INSERT INTO public.users VALUES ('u', '[]', '');
SELECT pg_catalog.setval('public.log_sequence_seq', 4, true);
ALTER TABLE ONLY public.features
    ADD CONSTRAINT features_pkey PRIMARY KEY (item_id, view, maker);
ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT feedback_pkey PRIMARY KEY (user_id, item_id, feedback_type);
ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (item_id);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (key_id);
ALTER TABLE ONLY public.log
    ADD CONSTRAINT log_pkey PRIMARY KEY (sequence);
ALTER TABLE ONLY public.media
    ADD CONSTRAINT media_pkey PRIMARY KEY (item_id, modality);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);
CREATE INDEX feedback_by_item ON public.feedback USING btree (item_id);
CREATE INDEX feedback_by_type ON public.feedback USING btree (feedback_type, user_id, item_id);
CREATE INDEX items_by_status ON public.items USING btree (status);
CREATE INDEX log_by_user ON public.log USING btree (user_id);
CREATE INDEX log_of_erased ON public.log USING btree (made) WHERE (action = 'forget'::text);
CREATE INDEX media_by_digest ON public.media USING btree (digest);
