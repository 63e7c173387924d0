//! The tables of a store: their names, their making, and the statements about them.
//!
//! | table | row |
//! |---|---|
//! | `<table>` | an entry: key, revision, sealed bytes |
//! | `<table>_log` | a key that a commit touched, for watches |
//! | `<table>_state` | the only row: format, revision of the newest commit, where the log begins |
//! | `<ha_table>` | for each store who is in office: term, candidate, until when |
//!
//! Keys compare by their bytes (collation `C`). Sealed bytes are not compressed: they cannot be made smaller.

use tokio_postgres::Client;

use super::ConnectError;
use crate::{MAX_KEY_BYTES, Revision};

/// The format this program reads and writes.
const FORMAT: i32 = 1;

/// The channel on which nodes tell each other of commits and of a vacant office. Being woken for the news of another
/// store in the same database does no harm.
pub(super) const CHANNEL: &str = "arca_storage";

/// The lock that whoever makes tables holds. A number of our own; nothing else in the database should use it.
const CREATION: i64 = 0x6172_6361_7374_6f72;

/// PostgreSQL cuts names at 63 bytes; ours get a suffix.
const MAX_NAME_BYTES: usize = 50;

/// The tables of one store, quoted for use in SQL.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// As configured, which is also what the store is called in the table of elections.
    pub(super) name: String,
    entries: String,
    log: String,
    state: String,
    ha: String,
}

impl Tables {
    pub(super) fn new(table: &str, ha_table: &str) -> Result<Self, ConnectError> {
        Ok(Self {
            name: table.to_owned(),
            entries: quoted(table, "")?,
            log: quoted(table, "_log")?,
            state: quoted(table, "_state")?,
            ha: quoted(ha_table, "")?,
        })
    }

    pub(super) fn get(&self) -> String {
        format!("SELECT revision, sealed FROM {} WHERE key = $1", self.entries)
    }

    /// Keys between $1 and $2, both exclusive, at most $3.
    pub(super) fn scan(&self) -> String {
        format!(
            "SELECT key FROM {} WHERE key > $1 AND key < $2 ORDER BY key LIMIT $3",
            self.entries
        )
    }

    /// Records from $1 (exclusive unless $4) to $2 (exclusive), at most $3.
    pub(super) fn read_range(&self, inclusive: bool) -> String {
        let from = if inclusive { ">=" } else { ">" };
        format!(
            "SELECT key, revision, sealed FROM {} WHERE key {from} $1 AND key < $2 ORDER BY key LIMIT $3",
            self.entries
        )
    }

    /// Names in the folder $1 among the keys from $2 up to $3 (exclusive), at most $4.
    ///
    /// Each step is one search in the index for the first key behind the name before, so that the size of a folder
    /// does not matter to the listing of those beside it.
    pub(super) fn list(&self) -> String {
        let step = |from: &str| {
            format!(
                r#"SELECT
                    CASE WHEN slash > 0 THEN left(rest, slash) ELSE rest END AS name,
                    (CASE WHEN slash > 0 THEN $1 || left(rest, slash - 1) || '0' ELSE key || chr(1) END) COLLATE "C" AS next
                FROM (SELECT key FROM {} WHERE key >= {from} AND key < $3 ORDER BY key LIMIT 1) AS found,
                    substr(key, char_length($1) + 1) AS rest,
                    strpos(rest, '/') AS slash"#,
                self.entries
            )
        };
        format!(
            r#"WITH RECURSIVE names (name, next, count) AS (
                SELECT name, next, 1::bigint FROM ({}) AS first
                UNION ALL
                SELECT step.name, step.next, names.count + 1
                FROM names, LATERAL ({}) AS step WHERE names.count < $4
            ) SELECT name FROM names LIMIT $4"#,
            step("$2::text"),
            step("names.next"),
        )
    }

    /// Takes the turn to commit, which every node waits for, and says where history is.
    pub(super) fn lock(&self) -> String {
        format!("SELECT revision, oldest FROM {} FOR UPDATE", self.state)
    }

    pub(super) fn state(&self) -> String {
        format!("SELECT revision FROM {}", self.state)
    }

    pub(super) fn revisions(&self) -> String {
        format!(
            "SELECT key, revision FROM {} WHERE key = ANY($1::text[])",
            self.entries
        )
    }

    pub(super) fn put(&self) -> String {
        format!(
            "INSERT INTO {} (key, revision, sealed) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[])
             ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, sealed = excluded.sealed",
            self.entries
        )
    }

    pub(super) fn delete(&self) -> String {
        format!("DELETE FROM {} WHERE key = ANY($1::text[])", self.entries)
    }

    pub(super) fn log(&self) -> String {
        format!(
            "INSERT INTO {} (revision, key, put) SELECT * FROM unnest($1::bigint[], $2::text[], $3::boolean[])",
            self.log
        )
    }

    /// Drops the log up to the revision $1.
    pub(super) fn trim(&self) -> String {
        format!("DELETE FROM {} WHERE revision <= $1", self.log)
    }

    /// Moves the store to the revision $1 and the beginning of its log to $2, and tells the other nodes.
    pub(super) fn advance(&self) -> String {
        format!(
            "WITH told AS (SELECT pg_notify('{CHANNEL}', '')) UPDATE {} SET revision = $1, oldest = $2 FROM told",
            self.state
        )
    }

    /// The newest revision, where the log begins, and the changes of at most $2 commits after $1.
    pub(super) fn changes(&self) -> String {
        format!(
            "SELECT state.revision AS newest, state.oldest, log.revision AS log_revision, log.key, log.put
             FROM {} AS state LEFT JOIN {} AS log ON log.revision > $1 AND log.revision <= $1 + $2
             ORDER BY log.revision, log.key",
            self.state, self.log
        )
    }

    /// The term in office of the store $1. Nobody is elected until the transaction that asks has ended.
    pub(super) fn term_in_office(&self) -> String {
        format!(
            "SELECT term FROM {} WHERE store = $1 AND until > clock_timestamp() FOR SHARE",
            self.ha
        )
    }

    /// Elects $2 for $3 seconds if the office of the store $1 is free.
    pub(super) fn elect(&self) -> String {
        format!(
            "INSERT INTO {0} AS office (store, term, candidate, until)
             VALUES ($1, 1, $2, clock_timestamp() + make_interval(secs => $3))
             ON CONFLICT (store) DO UPDATE SET term = office.term + 1, candidate = excluded.candidate,
                 until = clock_timestamp() + make_interval(secs => $3)
             WHERE office.until <= clock_timestamp() RETURNING term",
            self.ha
        )
    }

    /// Extends the term $2 of the store $1 by $3 seconds from now.
    pub(super) fn renew(&self) -> String {
        format!(
            "UPDATE {} SET until = clock_timestamp() + make_interval(secs => $3)
             WHERE store = $1 AND term = $2 AND until > clock_timestamp()",
            self.ha
        )
    }

    /// Ends the term $2 of the store $1 and tells the other nodes.
    pub(super) fn resign(&self) -> String {
        format!(
            "WITH told AS (SELECT pg_notify('{CHANNEL}', '')) UPDATE {} SET until = '-infinity' FROM told
             WHERE store = $1 AND term = $2",
            self.ha
        )
    }

    pub(super) fn leader(&self) -> String {
        format!(
            "SELECT candidate, term FROM {} WHERE store = $1 AND until > clock_timestamp()",
            self.ha
        )
    }

    /// Makes what is missing, refuses what this version cannot use, and returns the newest revision.
    pub(super) async fn prepare(&self, client: &Client, elections: bool) -> Result<Revision, ConnectError> {
        let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.try_get(0)?;
        if encoding != "UTF8" {
            return Err(ConnectError::Encoding(encoding));
        }
        if !exists(client, &self.state).await? || (elections && !exists(client, &self.ha).await?) {
            self.create(client, elections).await?;
        }
        self.check_format(client).await
    }

    async fn create(&self, client: &Client, elections: bool) -> Result<(), ConnectError> {
        // One node makes the tables; the others wait for it here and find them made. Not within a transaction: that
        // would go on not seeing them.
        client
            .batch_execute(&format!("SELECT pg_advisory_lock({CREATION})"))
            .await?;
        if !exists(client, &self.state).await? {
            if exists(client, &self.entries).await? {
                return Err(ConnectError::NotAStore(self.name.clone()));
            }
            client.batch_execute(&self.create_store()).await?;
        }
        if elections {
            client.batch_execute(&self.create_ha()).await?;
        }
        client
            .batch_execute(&format!("SELECT pg_advisory_unlock({CREATION})"))
            .await?;
        Ok(())
    }

    fn create_store(&self) -> String {
        let Self {
            entries, log, state, ..
        } = self;
        format!(
            r#"BEGIN;
            CREATE TABLE {entries} (key text COLLATE "C" PRIMARY KEY, revision bigint NOT NULL, sealed bytea NOT NULL);
            ALTER TABLE {entries} ALTER COLUMN sealed SET STORAGE EXTERNAL;
            CREATE TABLE {log} (revision bigint, key text COLLATE "C", put boolean NOT NULL, PRIMARY KEY (revision, key));
            CREATE TABLE {state} (single boolean PRIMARY KEY CHECK (single), format integer NOT NULL,
                revision bigint NOT NULL, oldest bigint NOT NULL);
            INSERT INTO {state} VALUES (true, {FORMAT}, 0, 0);
            COMMIT"#
        )
    }

    fn create_ha(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (store text PRIMARY KEY, term bigint NOT NULL, candidate text NOT NULL,
                until timestamptz NOT NULL)",
            self.ha
        )
    }

    async fn check_format(&self, client: &Client) -> Result<Revision, ConnectError> {
        let state = format!("SELECT format, revision FROM {}", self.state);
        let rows = client
            .query(&state, &[])
            .await
            .map_err(|error| match error.code() {
                Some(code) if code.code() == "42703" => {
                    ConnectError::NotAStore(format!("{}_state", self.name))
                }
                _ => error.into(),
            })?;
        let row = rows
            .first()
            .ok_or_else(|| ConnectError::NotAStore(format!("{}_state", self.name)))?;
        let found: i32 = row.try_get(0)?;
        if found == FORMAT {
            let revision: i64 = row.try_get(1)?;
            return Ok(Revision(revision.unsigned_abs()));
        }
        Err(ConnectError::UnknownFormat {
            table: format!("{}_state", self.name),
            found,
            known: FORMAT,
        })
    }
}

/// A text after every key: longer than any of them, and of the last character there is.
pub(super) fn past_every_key() -> String {
    char::MAX
        .to_string()
        .repeat(MAX_KEY_BYTES / char::MAX.len_utf8() + 1)
}

async fn exists(client: &Client, table: &str) -> Result<bool, ConnectError> {
    let row = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&table])
        .await?;
    Ok(row.try_get(0)?)
}

/// A table name for use in SQL, `suffix` added to its last part.
fn quoted(name: &str, suffix: &str) -> Result<String, ConnectError> {
    let parts: Vec<&str> = name.split('.').collect();
    let good = |part: &&str| !part.is_empty() && part.len() <= MAX_NAME_BYTES && !part.contains('\0');
    if parts.len() > 2 || !parts.iter().all(good) {
        return Err(ConnectError::BadTable {
            name: name.to_owned(),
            limit: MAX_NAME_BYTES,
        });
    }
    let quote = |part: &str| part.replace('"', "\"\"");
    let parts: Vec<String> = parts.into_iter().map(quote).collect();
    Ok(format!("\"{}{suffix}\"", parts.join("\".\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        for (name, wanted) in [
            ("arca_store", "\"arca_store_log\""),
            ("vault.Kv", "\"vault\".\"Kv_log\""),
            ("a\";DROP TABLE b--", "\"a\"\";DROP TABLE b--_log\""),
        ] {
            assert_eq!(quoted(name, "_log").unwrap(), wanted);
        }
        for name in ["", ".", "a.", "a.b.c", "a\0b", &"x".repeat(51)] {
            assert!(quoted(name, "").is_err(), "{name:?}");
        }
    }
}
