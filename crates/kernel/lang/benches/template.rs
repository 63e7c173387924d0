//! Templates as agents render them: parsing, and rendering from data that is parsed.
//!
//! `cargo bench -p arca-lang`
#![allow(
    clippy::allow_attributes,
    reason = "the list below is shared by the whole file"
)]
#![allow(clippy::unwrap_used, reason = "a bench stops at the first surprise")]

use std::fmt::Write as _;

use arca_lang::sprig::Sprig;
use arca_lang::template::{Options, Template, Value};
use divan::{AllocProfiler, Bencher, black_box};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

const NAMES: [&str; 3] = ["environment", "database_url", "nested_config"];

/// Every key of a secret as a line of an environment file.
const ENVIRONMENT: &str = r#"{{- range $key, $value := .data -}}
export {{ $key | sprig_snakecase | sprig_upper }}={{ $value | sprig_toString | sprig_quote }}
{{ end -}}"#;

/// One address from the parts of a credential.
const DATABASE_URL: &str = r#"{{- with .data -}}
DATABASE_URL=postgres://{{ .username | urlquery }}:{{ .password | urlquery }}@{{ .host | sprig_default "localhost" }}:{{ .port | sprig_default 5432 }}/{{ .name | sprig_trimPrefix "/" }}?sslmode={{ sprig_ternary "verify-full" "prefer" .tls }}
{{- end -}}"#;

/// A configuration of about 200 lines: 20 services with blocks, defaults, lists and conditions.
fn nested_config() -> String {
    let mut out = String::new();
    for index in 0..20 {
        writeln!(
            out,
            r#"[service.{index}]
{{{{- $service := index .services {index} }}}}
name = {{{{ $service.name | sprig_quote }}}}
{{{{- if $service.tls }}}}
certificate = {{{{ $service.tls.certificate | sprig_b64enc }}}}
{{{{- else }}}}
plain = true
{{{{- end }}}}
hosts = [{{{{ range $at, $host := $service.hosts }}}}{{{{ if $at }}}}, {{{{ end }}}}{{{{ printf "%q" $host }}}}{{{{ end }}}}]
timeout = {{{{ sprig_get $service "timeout" | sprig_default 30 }}}}"#
        )
        .unwrap();
    }
    out
}

fn text(name: &str) -> String {
    match name {
        "environment" => ENVIRONMENT.to_owned(),
        "database_url" => DATABASE_URL.to_owned(),
        _ => nested_config(),
    }
}

fn data(name: &str) -> Value {
    let secret = |index: usize| Value::from(format!("s3cr3t-value-{index:04}-\"quoted\""));
    match name {
        "environment" => {
            let entries = (0..40).map(|index| (format!("serviceToken{index}"), secret(index)));
            Value::map([("data", Value::map(entries))])
        }
        "database_url" => {
            let data = [
                ("username", Value::from("v-app-x7Gq2")),
                ("password", Value::from("p@ss/w:rd?&")),
                ("host", Value::from("db.internal")),
                ("name", Value::from("/orders")),
                ("tls", Value::Bool(true)),
            ];
            Value::map([("data", Value::map(data))])
        }
        _ => {
            let services = (0..20).map(|index| {
                let hosts = (0..5).map(|host| Value::from(format!("host-{host}.internal")));
                let tls = Value::map([("certificate", Value::from("certificate ".repeat(100)))]);
                Value::map([
                    ("name", Value::from(format!("service-{index}"))),
                    ("hosts", Value::list(hosts)),
                    ("tls", if index % 2 == 0 { tls } else { Value::Nil }),
                ])
            });
            Value::map([("services", Value::list(services))])
        }
    }
}

#[divan::bench(args = NAMES)]
fn parse(bencher: Bencher<'_, '_>, name: &str) {
    let text = text(name);
    let functions = Sprig::default();
    bencher.bench(|| Template::parse("t", black_box(&text), &functions).unwrap());
}

#[divan::bench(args = NAMES)]
fn render(bencher: Bencher<'_, '_>, name: &str) {
    let template = Template::parse("t", &text(name), &Sprig::default()).unwrap();
    let data = data(name);
    bencher.bench(|| {
        let text = template.render(black_box(&data), &mut Sprig::default(), &Options::default());
        text.unwrap()
    });
}
