//! Method and query: what is to be done.

use arca_base::Operation;
use arca_core::Fault;
use http::Method;

use super::query::Query;

/// What a request is to do.
///
/// # Errors
/// 405 for methods nobody knows, 400 for a query that contradicts itself.
pub(super) fn of(method: &Method, query: &Query) -> Result<Operation, Fault> {
    if query.first("help").is_some_and(|help| !help.is_empty()) {
        return Ok(Operation::Help);
    }
    match method.as_str() {
        "GET" => reading(query),
        "POST" | "PUT" => Ok(Operation::Update),
        "LIST" => Ok(Operation::List),
        "SCAN" => Ok(Operation::Scan),
        "PATCH" => Ok(Operation::Patch),
        "DELETE" => Ok(Operation::Delete),
        "HEAD" => Ok(Operation::Header),
        "HELP" => Ok(Operation::Help),
        "OPTIONS" => Err(Fault::invalid("cannot handle internal-only request operation")),
        _ => Err(Fault::unsupported_operation()),
    }
}

/// What a request probably was to do, for the record of its refusal.
pub(super) fn guess(method: &Method) -> Operation {
    of(method, &Query::parse("")).unwrap_or(Operation::Read)
}

fn reading(query: &Query) -> Result<Operation, Fault> {
    match (asked(query, "list")?, asked(query, "scan")?) {
        (true, true) => Err(Fault::invalid("list and scan cannot be asked for at once")),
        (true, false) => Ok(Operation::List),
        (false, true) => Ok(Operation::Scan),
        (false, false) => Ok(Operation::Read),
    }
}

fn asked(query: &Query, key: &str) -> Result<bool, Fault> {
    match query.first(key) {
        None | Some("" | "0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some(_) => Err(Fault::invalid(format!(
            "the query parameter {key:?} is not a boolean"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: &str, query: &str) -> Result<Operation, u16> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        of(&method, &Query::parse(query)).map_err(|fault| fault.class().status())
    }

    #[test]
    fn methods() {
        for (method, query, expected) in [
            ("GET", "", Operation::Read),
            ("GET", "list=true", Operation::List),
            ("GET", "list=1", Operation::List),
            ("GET", "list=T&scan=F", Operation::List),
            ("GET", "list=false", Operation::Read),
            ("GET", "list=", Operation::Read),
            ("GET", "scan=true", Operation::Scan),
            ("GET", "help=1", Operation::Help),
            ("POST", "help=1", Operation::Help),
            ("GET", "help=", Operation::Read),
            ("LIST", "", Operation::List),
            ("SCAN", "", Operation::Scan),
            ("POST", "list=true", Operation::Update),
            ("PUT", "", Operation::Update),
            ("PATCH", "", Operation::Patch),
            ("DELETE", "", Operation::Delete),
            ("HEAD", "list=true", Operation::Header),
            ("HELP", "", Operation::Help),
        ] {
            assert_eq!(operation(method, query), Ok(expected), "{method} {query}");
        }
    }

    #[test]
    fn refusals() {
        for (method, query, status) in [
            ("GET", "list=maybe", 400),
            ("GET", "list=true&scan=true", 400),
            ("OPTIONS", "", 400),
            ("TRACE", "", 405),
            ("CONNECT", "", 405),
            ("get", "", 405),
            ("PURGE", "", 405),
        ] {
            assert_eq!(operation(method, query), Err(status), "{method} {query}");
        }
    }
}
