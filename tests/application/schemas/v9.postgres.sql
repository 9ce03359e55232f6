


SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;


CREATE TABLE public.api_keys (
    key_id text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    location_list text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    extra_list text COLLATE pg_catalog."C",
    replaces text COLLATE pg_catalog."C"
);



CREATE TABLE public.audit_log (
    entry_id uuid NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    action text NOT NULL COLLATE pg_catalog."C",
    actor text COLLATE pg_catalog."C",
    key_id text COLLATE pg_catalog."C",
    address text COLLATE pg_catalog."C",
    request_id text COLLATE pg_catalog."C",
    detail text NOT NULL COLLATE pg_catalog."C"
);



CREATE TABLE public.checkpoints (
    checkpoint_id text NOT NULL COLLATE pg_catalog."C",
    epoch bigint NOT NULL,
    size bigint NOT NULL,
    "position" bigint NOT NULL,
    note text NOT NULL COLLATE pg_catalog."C",
    signed_at timestamp with time zone NOT NULL
);



CREATE TABLE public.code_changes (
    "position" bigint NOT NULL,
    code_id uuid NOT NULL,
    location text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    item_id uuid NOT NULL,
    sku text NOT NULL COLLATE pg_catalog."C",
    per text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    key_id text COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL
);



CREATE TABLE public.codes (
    code_id uuid NOT NULL,
    location text NOT NULL COLLATE pg_catalog."C",
    code text NOT NULL COLLATE pg_catalog."C",
    compared text NOT NULL COLLATE pg_catalog."C",
    item_id uuid,
    per text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    "position" bigint NOT NULL
);



CREATE TABLE public.declarations (
    number bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    note text NOT NULL COLLATE pg_catalog."C",
    made_at timestamp with time zone NOT NULL
);



CREATE TABLE public.item_changes (
    "position" bigint NOT NULL,
    item_id uuid NOT NULL,
    location text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    unit text COLLATE pg_catalog."C",
    safety_stock bigint,
    scale bigint NOT NULL,
    floor bigint NOT NULL,
    provisional boolean NOT NULL,
    on_hand bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    key_id text COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL
);



CREATE TABLE public.ledger_properties (
    name text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL COLLATE pg_catalog."C"
);



CREATE TABLE public.movements (
    "position" bigint NOT NULL,
    item_id uuid NOT NULL,
    location text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C",
    version bigint NOT NULL,
    local_id uuid NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    quantity bigint NOT NULL,
    delta bigint NOT NULL,
    on_hand bigint NOT NULL,
    covered_at timestamp with time zone,
    reason text COLLATE pg_catalog."C",
    note text COLLATE pg_catalog."C",
    reference text COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    key_id text COLLATE pg_catalog."C",
    device text COLLATE pg_catalog."C",
    occurred_at timestamp with time zone,
    device_time text COLLATE pg_catalog."C",
    recorded_at timestamp with time zone NOT NULL,
    refused_at timestamp with time zone,
    extra_object text COLLATE pg_catalog."C"
);



CREATE TABLE public.stored_events (
    notification_id bigint NOT NULL,
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    local_id uuid
);



CREATE VIEW public.readable_events AS
 SELECT notification_id AS "position",
    originator_id AS item_id,
    originator_version AS version,
    topic AS event,
    (convert_from(state, 'UTF8'::name))::jsonb AS state
   FROM public.stored_events;



CREATE TABLE public.rejected_transactions (
    rejection_id uuid NOT NULL,
    local_id uuid,
    item_id uuid,
    location text COLLATE pg_catalog."C",
    element text NOT NULL COLLATE pg_catalog."C",
    malformed boolean NOT NULL,
    code text NOT NULL COLLATE pg_catalog."C",
    message text NOT NULL COLLATE pg_catalog."C",
    detail_object text NOT NULL COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    key_id text COLLATE pg_catalog."C",
    device text COLLATE pg_catalog."C",
    first_rejected_at timestamp with time zone NOT NULL,
    rejected_at timestamp with time zone NOT NULL,
    status text NOT NULL COLLATE pg_catalog."C",
    closed_at timestamp with time zone,
    closed_by text COLLATE pg_catalog."C",
    closing_reason text COLLATE pg_catalog."C",
    moved_at timestamp with time zone,
    moment timestamp with time zone,
    rank bigint,
    role text COLLATE pg_catalog."C",
    location_list text COLLATE pg_catalog."C",
    waits_for uuid,
    due_at timestamp with time zone,
    group_id uuid
);



CREATE TABLE public.sessions (
    digest text NOT NULL COLLATE pg_catalog."C",
    key_id text COLLATE pg_catalog."C",
    actor text NOT NULL COLLATE pg_catalog."C",
    role text COLLATE pg_catalog."C",
    location_list text COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    ends_at timestamp with time zone NOT NULL
);



CREATE TABLE public.stock_levels (
    item_id uuid NOT NULL,
    location text NOT NULL COLLATE pg_catalog."C",
    sku text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    unit text NOT NULL COLLATE pg_catalog."C",
    safety_stock bigint NOT NULL,
    on_hand bigint NOT NULL,
    version bigint NOT NULL,
    active boolean NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    "position" bigint NOT NULL,
    search_text text NOT NULL COLLATE pg_catalog."C",
    scale bigint NOT NULL,
    floor bigint NOT NULL,
    provisional_by text COLLATE pg_catalog."C"
)
WITH (fillfactor='45');



CREATE SEQUENCE public.stored_events_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;



ALTER SEQUENCE public.stored_events_notification_id_seq OWNED BY public.stored_events.notification_id;



CREATE TABLE public.tree_tiles (
    tile_id bigint NOT NULL,
    hashes bytea NOT NULL,
    root bytea NOT NULL,
    last_position bigint NOT NULL
);



ALTER TABLE ONLY public.stored_events ALTER COLUMN notification_id SET DEFAULT nextval('public.stored_events_notification_id_seq'::regclass);



INSERT INTO public.api_keys VALUES ('ywIamYLV9e', '0907cb008ad94b518f1f467b517e4569ed1fbd4d96c1b927d7669b722ad053a4', 'scanner', 'device', '["main"]', '2026-11-30 17:26:57.041+00', 'the boss', NULL, NULL, NULL, NULL);
INSERT INTO public.api_keys VALUES ('J811BPyzrW', '61d18e942aa536df704997bbbd50e88e909508aabc58d1635de957ccba302609', 'lost', 'clerk', '["main"]', '2026-11-30 17:26:57.043+00', 'the boss', NULL, '2026-11-30 17:26:57.044+00', NULL, NULL);



INSERT INTO public.audit_log VALUES ('01a22d7e-d712-7743-9423-ddac1312feab', '2026-11-30 17:26:57.042+00', 'KEY_CREATED', 'the boss', NULL, NULL, NULL, 'ywIamYLV9e (scanner, device at main)');
INSERT INTO public.audit_log VALUES ('01a22d7e-d713-7798-954a-70e0459bf0f3', '2026-11-30 17:26:57.043+00', 'KEY_CREATED', 'the boss', NULL, NULL, NULL, 'J811BPyzrW (lost, clerk at main)');
INSERT INTO public.audit_log VALUES ('01a22d7e-d714-7c6f-8c8b-59c1f1d6a9db', '2026-11-30 17:26:57.044+00', 'KEY_REVOKED', 'the boss', NULL, NULL, NULL, 'J811BPyzrW (lost, clerk at main)');



INSERT INTO public.checkpoints VALUES ('000001-0000000000000000014', 1, 14, 14, 'stockledger.invalid/345b422e-da7f-4120-9633-72d803fab253
14
ABPA6Fn5zdRPjqyjVKkDvcXg32y6xMzJy7jb/acqdxg=

— stockledger.invalid/345b422e-da7f-4120-9633-72d803fab253 XUGGaTlEltsHt3oTIe/56XXOsspDy3D33od6Qp+I1UkDFwFs++N58zt0a7HiJ8fcrIz8mJsCqsMfrZDrLcoHZAmQVw0=
', '2026-11-30 17:26:57.065+00');



INSERT INTO public.code_changes VALUES (11, '5f526ea7-e875-5e70-abad-df99f18f4d49', 'main', '4006381333931', 1, 'CodeAssigned', '791ca0fe-93ef-57dc-b4c9-aee0871829c1', 'CHEESE', '1', 'scanner', 'k1', '2026-11-30 17:26:57.03+00');
INSERT INTO public.code_changes VALUES (12, 'ff0393ac-e861-52a2-9a6d-9bdced342f6f', 'main', 'T', 1, 'CodeAssigned', '25611397-d162-5417-9427-6c759c4ceb9c', 'TEA-250', '12', 'scanner', 'k1', '2026-11-30 17:26:57.03+00');
INSERT INTO public.code_changes VALUES (13, '19e1e46b-1579-59c9-b617-65b3826665d7', 'main', 'CUP-OLD', 1, 'CodeAssigned', 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'CUP', '6', 'the boss', NULL, '2026-11-30 17:26:57.037+00');
INSERT INTO public.code_changes VALUES (14, '19e1e46b-1579-59c9-b617-65b3826665d7', 'main', 'CUP-OLD', 2, 'CodeRetired', 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'CUP', '6', 'the boss', NULL, '2026-11-30 17:26:57.04+00');



INSERT INTO public.codes VALUES ('5f526ea7-e875-5e70-abad-df99f18f4d49', 'main', '4006381333931', '04006381333931', '791ca0fe-93ef-57dc-b4c9-aee0871829c1', '1', 1, 11);
INSERT INTO public.codes VALUES ('ff0393ac-e861-52a2-9a6d-9bdced342f6f', 'main', 'T', 'T', '25611397-d162-5417-9427-6c759c4ceb9c', '12', 1, 12);
INSERT INTO public.codes VALUES ('19e1e46b-1579-59c9-b617-65b3826665d7', 'main', 'CUP-OLD', 'CUP-OLD', NULL, '6', 2, 14);






INSERT INTO public.item_changes VALUES (1, '25611397-d162-5417-9427-6c759c4ceb9c', 'main', 'TEA-250', 1, 'ItemRegistered', 'Name of TEA-250', 'piece', 5, 0, 0, false, 0, 'the boss', NULL, '2026-11-30 17:26:56.998+00');
INSERT INTO public.item_changes VALUES (2, 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'main', 'CUP', 1, 'ItemRegistered', 'Name of CUP', 'piece', 5, 0, 0, false, 0, 'the boss', NULL, '2026-11-30 17:26:57.003+00');
INSERT INTO public.item_changes VALUES (3, '7925b724-47c6-5ee5-881c-291fe2f2d03e', 'main', 'OLD', 1, 'ItemRegistered', 'Name of OLD', 'piece', 5, 0, 0, false, 0, 'the boss', NULL, '2026-11-30 17:26:57.006+00');
INSERT INTO public.item_changes VALUES (4, 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'main', 'CUP', 2, 'ItemDetailsChanged', 'Big cup', 'piece', 0, 0, 0, false, 0, 'the boss', NULL, '2026-11-30 17:26:57.009+00');
INSERT INTO public.item_changes VALUES (5, '7925b724-47c6-5ee5-881c-291fe2f2d03e', 'main', 'OLD', 2, 'ItemDiscontinued', NULL, NULL, NULL, 0, 0, false, 0, 'the boss', NULL, '2026-11-30 17:26:57.011+00');
INSERT INTO public.item_changes VALUES (10, '791ca0fe-93ef-57dc-b4c9-aee0871829c1', 'main', 'CHEESE', 1, 'ItemRegistered', 'CHEESE', 'pc', 0, 3, 0, true, 0, 'scanner', 'k1', '2026-11-30 17:26:57.03+00');



INSERT INTO public.ledger_properties VALUES ('read_model:stock_levels', '75dbd36f5fec9402');
INSERT INTO public.ledger_properties VALUES ('read_model:movements', '92e4312d2f9335ec');
INSERT INTO public.ledger_properties VALUES ('read_model:item_changes', '4bdfa5b93c6f31ab');
INSERT INTO public.ledger_properties VALUES ('read_model:codes', '38122576c903c43d');
INSERT INTO public.ledger_properties VALUES ('read_model:code_changes', '86d5cbaeae405eb7');
INSERT INTO public.ledger_properties VALUES ('schema_version', '9');
INSERT INTO public.ledger_properties VALUES ('bookmark_key', '73fb58f8de4ec75925e6318317059931b936fbe769c5cbaddb6fd709bc5b53b0');
INSERT INTO public.ledger_properties VALUES ('origin', 'stockledger.invalid/345b422e-da7f-4120-9633-72d803fab253');
INSERT INTO public.ledger_properties VALUES ('epoch', '1');
INSERT INTO public.ledger_properties VALUES ('verifier_key', 'stockledger.invalid/345b422e-da7f-4120-9633-72d803fab253+5d418669+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop');



INSERT INTO public.movements VALUES (6, '25611397-d162-5417-9427-6c759c4ceb9c', 'main', 'TEA-250', 2, '019b0000-0000-7000-8000-000000000001', 'INBOUND', 24, 24, 24, NULL, NULL, 'Tee ☕', NULL, 'the boss', NULL, NULL, '2026-01-08 00:14:03+00', NULL, '2026-11-30 17:26:57.016+00', NULL, NULL);
INSERT INTO public.movements VALUES (7, '25611397-d162-5417-9427-6c759c4ceb9c', 'main', 'TEA-250', 3, '019b0000-0000-7000-8000-000000000002', 'OUTBOUND', 3, -3, 21, NULL, NULL, NULL, 'till-1', 'the boss', NULL, 'till-1', NULL, NULL, '2026-11-30 17:26:57.016+00', NULL, NULL);
INSERT INTO public.movements VALUES (8, 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'main', 'CUP', 3, '019b0000-0000-7000-8000-000000000003', 'ADJUST', 7, 7, 7, NULL, 'found', NULL, NULL, 'the boss', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.016+00', NULL, NULL);
INSERT INTO public.movements VALUES (9, '25611397-d162-5417-9427-6c759c4ceb9c', 'main', 'TEA-250', 4, '019b0000-0000-7000-8000-000000000004', 'COUNT', 20, -1, 20, NULL, NULL, NULL, NULL, 'the boss', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.016+00', NULL, NULL);



INSERT INTO public.rejected_transactions VALUES ('30ac4967-fbb3-ab4c-7dc7-ac2f6c4884f3', '019b0000-0000-7000-8000-000000000007', '25611397-d162-5417-9427-6c759c4ceb9c', 'main', '{"localId":"019b0000-0000-7000-8000-000000000007","type":"INBOUND","itemId":"25611397-d162-5417-9427-6c759c4ceb9c","quantity":0}', true, 'INVALID', 'quantity: must not be 0', '{"field": "quantity", "problem": "must not be 0"}', 'the boss', NULL, NULL, '2026-11-30 17:26:57.016+00', '2026-11-30 17:26:57.016+00', 'open', NULL, NULL, NULL, NULL, NULL, NULL, 'admin', '[]', NULL, NULL, NULL);
INSERT INTO public.rejected_transactions VALUES ('0ac348e4-2128-9c43-1a52-51ebd9190126', '019b0000-0000-7000-8000-00000000000a', 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'main', '{"localId": "019b0000-0000-7000-8000-00000000000a", "type": "OUTBOUND", "itemId": "b8d1c9cc-f5a9-58df-b659-664721128b64", "quantity": 98, "occurredAt": "2026-01-08T10:00:00+00:00", "reference": "t:2"}', false, 'INSUFFICIENT_STOCK', '98 requested, 7 on hand', '{"on_hand": 7, "requested": 98}', 'the boss', NULL, NULL, '2026-11-30 17:26:57.016+00', '2026-11-30 17:26:57.016+00', 'open', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.016+00', 458756, 'admin', '[]', 'b8d1c9cc-f5a9-58df-b659-664721128b64', NULL, NULL);
INSERT INTO public.rejected_transactions VALUES ('1c6016a2-6cb6-9f9a-8dd1-34959bc7a54a', '019b0000-0000-7000-8000-000000000005', 'b8d1c9cc-f5a9-58df-b659-664721128b64', 'main', '{"localId": "019b0000-0000-7000-8000-000000000005", "type": "OUTBOUND", "itemId": "b8d1c9cc-f5a9-58df-b659-664721128b64", "quantity": 99}', false, 'INSUFFICIENT_STOCK', '99 requested, 7 on hand', '{"on_hand": 7, "requested": 99}', 'the boss', NULL, NULL, '2026-11-30 17:26:57.016+00', '2026-11-30 17:26:57.016+00', 'open', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.016+00', 458753, 'admin', '[]', 'b8d1c9cc-f5a9-58df-b659-664721128b64', NULL, NULL);
INSERT INTO public.rejected_transactions VALUES ('5315201c-0403-b028-b3b4-bfd858500312', '019b0000-0000-7000-8000-000000000006', '7925b724-47c6-5ee5-881c-291fe2f2d03e', 'main', '{"localId": "019b0000-0000-7000-8000-000000000006", "type": "INBOUND", "itemId": "7925b724-47c6-5ee5-881c-291fe2f2d03e", "quantity": 1}', false, 'ITEM_DISCONTINUED', 'item 7925b724-47c6-5ee5-881c-291fe2f2d03e is discontinued', '{"item_id": "7925b724-47c6-5ee5-881c-291fe2f2d03e"}', 'the boss', NULL, NULL, '2026-11-30 17:26:57.016+00', '2026-11-30 17:26:57.016+00', 'open', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.016+00', 327682, 'admin', '[]', '7925b724-47c6-5ee5-881c-291fe2f2d03e', NULL, NULL);
INSERT INTO public.rejected_transactions VALUES ('0d283d4d-11ad-f06b-28f7-be2f76cdba51', '019b0000-0000-7000-8000-000000000008', '00000000-0000-0000-0000-000000000008', NULL, '{"localId": "019b0000-0000-7000-8000-000000000008", "type": "INBOUND", "itemId": "00000000-0000-0000-0000-000000000008", "quantity": 1}', false, 'UNKNOWN_ITEM', 'item 00000000-0000-0000-0000-000000000008 is not registered, or not at a location of yours', '{"item_id": "00000000-0000-0000-0000-000000000008"}', 'the boss', NULL, NULL, '2026-11-30 17:26:57.016+00', '2026-11-30 17:26:57.016+00', 'open', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.016+00', -4493979455366627325, 'admin', '[]', '00000000-0000-0000-0000-000000000008', NULL, NULL);
INSERT INTO public.rejected_transactions VALUES ('37bb135f-2e54-821a-4c2d-5b24ec42453b', '019b0000-0000-7000-8000-000000000009', '25611397-d162-5417-9427-6c759c4ceb9c', 'main', '{"localId": "019b0000-0000-7000-8000-000000000009", "type": "COUNT", "itemId": "25611397-d162-5417-9427-6c759c4ceb9c", "quantity": 1, "device": "scanner"}', false, 'FORBIDDEN', 'the role device may not count', '{"role": "device"}', 'scanner', 'k1', 'scanner', '2026-11-30 17:26:57.024+00', '2026-11-30 17:26:57.024+00', 'open', NULL, NULL, NULL, NULL, '2026-11-30 17:26:57.024+00', 589825, 'device', '["main"]', NULL, NULL, NULL);
INSERT INTO public.rejected_transactions VALUES ('17f45547-f6f1-43fc-77d7-9d0a0b9ab317', NULL, '25611397-d162-5417-9427-6c759c4ceb9c', 'main', '{"location": "main", "sku": "TEA-250", "name": "Other", "codes": [{"code": "T", "per": 12}]}', false, 'ITEM_DIFFERS', 'item 25611397-d162-5417-9427-6c759c4ceb9c is registered already, with other details', '{"item_id": "25611397-d162-5417-9427-6c759c4ceb9c", "name": "Name of TEA-250", "unit": "piece", "safety_stock": 5, "scale": 0, "floor": 0}', 'scanner', 'k1', 'scanner', '2026-11-30 17:26:57.03+00', '2026-11-30 17:26:57.03+00', 'open', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);






INSERT INTO public.stock_levels VALUES ('7925b724-47c6-5ee5-881c-291fe2f2d03e', 'main', 'OLD', 'Name of OLD', 'piece', 5, 0, 2, false, '2026-11-30 17:26:57.011+00', 5, 'old
name of old', 0, 0, NULL);
INSERT INTO public.stock_levels VALUES ('25611397-d162-5417-9427-6c759c4ceb9c', 'main', 'TEA-250', 'Name of TEA-250', 'piece', 5, 20, 4, true, '2026-11-30 17:26:57.016+00', 9, 'tea-250
name of tea-250', 0, 0, NULL);
INSERT INTO public.stock_levels VALUES ('b8d1c9cc-f5a9-58df-b659-664721128b64', 'main', 'CUP', 'Big cup', 'piece', 0, 7, 3, true, '2026-11-30 17:26:57.016+00', 8, 'cup
big cup', 0, 0, NULL);
INSERT INTO public.stock_levels VALUES ('791ca0fe-93ef-57dc-b4c9-aee0871829c1', 'main', 'CHEESE', 'CHEESE', 'pc', 0, 0, 1, true, '2026-11-30 17:26:57.03+00', 10, 'cheese
cheese', 3, 0, 'k1');



INSERT INTO public.stored_events VALUES (1, '25611397-d162-5417-9427-6c759c4ceb9c', 1, 'ItemRegistered', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35362e3939383030305a222c226f726967696e61746f725f746f706963223a2253746f636b4974656d222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a225445412d323530222c226f6e5f68616e64223a302c226e616d65223a224e616d65206f66205445412d323530222c22756e6974223a227069656365222c227361666574795f73746f636b223a357d', NULL);
INSERT INTO public.stored_events VALUES (2, 'b8d1c9cc-f5a9-58df-b659-664721128b64', 1, 'ItemRegistered', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3030333030305a222c226f726967696e61746f725f746f706963223a2253746f636b4974656d222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a22435550222c226f6e5f68616e64223a302c226e616d65223a224e616d65206f6620435550222c22756e6974223a227069656365222c227361666574795f73746f636b223a357d', NULL);
INSERT INTO public.stored_events VALUES (3, '7925b724-47c6-5ee5-881c-291fe2f2d03e', 1, 'ItemRegistered', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3030363030305a222c226f726967696e61746f725f746f706963223a2253746f636b4974656d222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a224f4c44222c226f6e5f68616e64223a302c226e616d65223a224e616d65206f66204f4c44222c22756e6974223a227069656365222c227361666574795f73746f636b223a357d', NULL);
INSERT INTO public.stored_events VALUES (4, 'b8d1c9cc-f5a9-58df-b659-664721128b64', 2, 'ItemDetailsChanged', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3030393030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a22435550222c226f6e5f68616e64223a302c226e616d65223a2242696720637570222c22756e6974223a227069656365222c227361666574795f73746f636b223a307d', NULL);
INSERT INTO public.stored_events VALUES (5, '7925b724-47c6-5ee5-881c-291fe2f2d03e', 2, 'ItemDiscontinued', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3031313030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a224f4c44222c226f6e5f68616e64223a302c22646973636f6e74696e7565645f6174223a22323032362d31312d33305431373a32363a35372e3031313030305a227d', NULL);
INSERT INTO public.stored_events VALUES (6, '25611397-d162-5417-9427-6c759c4ceb9c', 2, 'InboundRecorded', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3031363030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a225445412d323530222c226f6e5f68616e64223a32342c226c6f63616c5f6964223a2230313962303030302d303030302d373030302d383030302d303030303030303030303031222c227175616e74697479223a32342c226f636375727265645f6174223a22323032362d30312d30385430303a31343a30335a222c226e6f7465223a2254656520e29895227d', '019b0000-0000-7000-8000-000000000001');
INSERT INTO public.stored_events VALUES (7, '25611397-d162-5417-9427-6c759c4ceb9c', 3, 'OutboundRecorded', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3031363030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a225445412d323530222c226f6e5f68616e64223a32312c226c6f63616c5f6964223a2230313962303030302d303030302d373030302d383030302d303030303030303030303032222c227175616e74697479223a332c22646576696365223a2274696c6c2d31222c227265666572656e6365223a2274696c6c2d31227d', '019b0000-0000-7000-8000-000000000002');
INSERT INTO public.stored_events VALUES (8, 'b8d1c9cc-f5a9-58df-b659-664721128b64', 3, 'Adjusted', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3031363030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a22435550222c226f6e5f68616e64223a372c226c6f63616c5f6964223a2230313962303030302d303030302d373030302d383030302d303030303030303030303033222c2264656c7461223a372c22726561736f6e223a22666f756e64227d', '019b0000-0000-7000-8000-000000000003');
INSERT INTO public.stored_events VALUES (9, '25611397-d162-5417-9427-6c759c4ceb9c', 4, 'Adjusted', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3031363030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22736b75223a225445412d323530222c226f6e5f68616e64223a32302c226c6f63616c5f6964223a2230313962303030302d303030302d373030302d383030302d303030303030303030303034222c2264656c7461223a2d312c22636f756e7465645f6174223a22323032362d31312d33305431373a32363a35372e3031363030305a222c22636f756e746564223a32307d', '019b0000-0000-7000-8000-000000000004');
INSERT INTO public.stored_events VALUES (10, '791ca0fe-93ef-57dc-b4c9-aee0871829c1', 1, 'ItemRegistered', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3033303030305a222c226f726967696e61746f725f746f706963223a2253746f636b4974656d222c226c6f636174696f6e223a226d61696e222c226163746f72223a227363616e6e6572222c22736b75223a22434845455345222c226f6e5f68616e64223a302c226e616d65223a22434845455345222c22756e6974223a227063222c227361666574795f73746f636b223a302c226b65795f6964223a226b31222c227363616c65223a332c2270726f766973696f6e616c223a747275657d', NULL);
INSERT INTO public.stored_events VALUES (11, '5f526ea7-e875-5e70-abad-df99f18f4d49', 1, 'CodeAssigned', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3033303030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a227363616e6e6572222c22636f6465223a2234303036333831333333393331222c226974656d5f6964223a2237393163613066652d393365662d353764632d623463392d616565303837313832396331222c22736b75223a22434845455345222c22706572223a2231222c226b65795f6964223a226b31227d', NULL);
INSERT INTO public.stored_events VALUES (12, 'ff0393ac-e861-52a2-9a6d-9bdced342f6f', 1, 'CodeAssigned', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3033303030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a227363616e6e6572222c22636f6465223a2254222c226974656d5f6964223a2232353631313339372d643136322d353431372d393432372d366337353963346365623963222c22736b75223a225445412d323530222c22706572223a223132222c226b65795f6964223a226b31227d', NULL);
INSERT INTO public.stored_events VALUES (13, '19e1e46b-1579-59c9-b617-65b3826665d7', 1, 'CodeAssigned', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3033373030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22636f6465223a224355502d4f4c44222c226974656d5f6964223a2262386431633963632d663561392d353864662d623635392d363634373231313238623634222c22736b75223a22435550222c22706572223a2236227d', NULL);
INSERT INTO public.stored_events VALUES (14, '19e1e46b-1579-59c9-b617-65b3826665d7', 2, 'CodeRetired', '\x7b2274696d657374616d70223a22323032362d31312d33305431373a32363a35372e3034303030305a222c226c6f636174696f6e223a226d61696e222c226163746f72223a2274686520626f7373222c22636f6465223a224355502d4f4c44222c226974656d5f6964223a2262386431633963632d663561392d353864662d623635392d363634373231313238623634222c22736b75223a22435550222c22706572223a2236227d', NULL);






SELECT pg_catalog.setval('public.stored_events_notification_id_seq', 14, true);



ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);



ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (entry_id);



ALTER TABLE ONLY public.checkpoints
    ADD CONSTRAINT checkpoints_pkey PRIMARY KEY (checkpoint_id);



ALTER TABLE ONLY public.code_changes
    ADD CONSTRAINT code_changes_pkey PRIMARY KEY ("position");



ALTER TABLE ONLY public.codes
    ADD CONSTRAINT codes_pkey PRIMARY KEY (code_id);



ALTER TABLE ONLY public.declarations
    ADD CONSTRAINT declarations_pkey PRIMARY KEY (number);



ALTER TABLE ONLY public.item_changes
    ADD CONSTRAINT item_changes_pkey PRIMARY KEY ("position");



ALTER TABLE ONLY public.ledger_properties
    ADD CONSTRAINT ledger_properties_pkey PRIMARY KEY (name);



ALTER TABLE ONLY public.movements
    ADD CONSTRAINT movements_pkey PRIMARY KEY ("position");



ALTER TABLE ONLY public.rejected_transactions
    ADD CONSTRAINT rejected_transactions_pkey PRIMARY KEY (rejection_id);



ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (digest);



ALTER TABLE ONLY public.stock_levels
    ADD CONSTRAINT stock_levels_pkey PRIMARY KEY (item_id);



ALTER TABLE ONLY public.stored_events
    ADD CONSTRAINT stored_events_local_id_key UNIQUE (local_id);



ALTER TABLE ONLY public.stored_events
    ADD CONSTRAINT stored_events_originator_id_originator_version_key UNIQUE (originator_id, originator_version);



ALTER TABLE ONLY public.stored_events
    ADD CONSTRAINT stored_events_pkey PRIMARY KEY (notification_id);



ALTER TABLE ONLY public.tree_tiles
    ADD CONSTRAINT tree_tiles_pkey PRIMARY KEY (tile_id);



CREATE INDEX checkpoints_signed_at_814c7d8a ON public.checkpoints USING btree (signed_at);



CREATE INDEX code_changes_item_id_position_2cfa2398 ON public.code_changes USING btree (item_id, "position");



CREATE INDEX code_changes_location_position_2cfa2398 ON public.code_changes USING btree (location, "position");



CREATE INDEX codes_compared_56b7d5b7 ON public.codes USING btree (compared);



CREATE INDEX codes_item_id_56b7d5b7 ON public.codes USING btree (item_id) WHERE (item_id IS NOT NULL);



CREATE INDEX item_changes_item_id_kind_version_26aebcc9 ON public.item_changes USING btree (item_id, kind, version);



CREATE INDEX item_changes_location_position_26aebcc9 ON public.item_changes USING btree (location, "position");



CREATE INDEX movements_actor_position_0a40475b ON public.movements USING btree (actor, "position");



CREATE INDEX movements_device_position_0a40475b ON public.movements USING btree (device, "position");



CREATE INDEX movements_location_position_0a40475b ON public.movements USING btree (location, "position");



CREATE INDEX movements_location_type_position_0a40475b ON public.movements USING btree (location, type, "position");



CREATE INDEX movements_reference_position_0a40475b ON public.movements USING btree (reference, "position") WHERE (reference IS NOT NULL);



CREATE INDEX movements_refused_at_position_0a40475b ON public.movements USING btree (refused_at, "position") WHERE (refused_at IS NOT NULL);



CREATE INDEX movements_type_position_0a40475b ON public.movements USING btree (type, "position");



CREATE INDEX rejected_transactions_actor_status_b9378f40 ON public.rejected_transactions USING btree (actor, status);



CREATE INDEX rejected_transactions_closed_at_b9378f40 ON public.rejected_transactions USING btree (closed_at);



CREATE INDEX rejected_transactions_closed_at_location_b9378f40 ON public.rejected_transactions USING btree (closed_at, location);



CREATE INDEX rejected_transactions_due_at_b9378f40 ON public.rejected_transactions USING btree (due_at) WHERE (due_at IS NOT NULL);



CREATE INDEX rejected_transactions_first_rejected_at_rejection_id_b9378f40 ON public.rejected_transactions USING btree (first_rejected_at, rejection_id);



CREATE INDEX rejected_transactions_group_id_b9378f40 ON public.rejected_transactions USING btree (group_id) WHERE (group_id IS NOT NULL);



CREATE INDEX rejected_transactions_local_id_b9378f40 ON public.rejected_transactions USING btree (local_id);



CREATE INDEX rejected_transactions_location_first_rejected_at_b9378f40 ON public.rejected_transactions USING btree (location, first_rejected_at);



CREATE INDEX rejected_transactions_waits_for_moment_b9378f40 ON public.rejected_transactions USING btree (waits_for, moment) WHERE (waits_for IS NOT NULL);



CREATE INDEX sessions_ends_at_23fc6f7a ON public.sessions USING btree (ends_at);



CREATE INDEX stock_levels_location_sku_item_id_84ae4c7b ON public.stock_levels USING btree (location, sku, item_id);



CREATE INDEX stock_levels_provisional_by_84ae4c7b ON public.stock_levels USING btree (provisional_by) WHERE (provisional_by IS NOT NULL);



CREATE INDEX stock_levels_sku_84ae4c7b ON public.stock_levels USING btree (sku);



CREATE INDEX tree_tiles_last_position_74f0236d ON public.tree_tiles USING btree (last_position);




