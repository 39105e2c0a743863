-- Texts of rule files, by their hash: an event says which of them a country decides by. Whoever
-- decides may add one and change none; a text that is not what its name says cannot stand here.
CREATE TABLE ledger.rule_text (
    sha256 bytea PRIMARY KEY CHECK (sha256 = sha256(convert_to(content, 'UTF8'))),
    content text NOT NULL CHECK (octet_length(content) <= 16777216),
    added_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON ledger.rule_text TO ledger_append;
GRANT SELECT ON ledger.rule_text TO ledger_audit;
