template {
  contents = <<EOH
{{ with secret "kv/data/db" -}}
PASS={{ .Data.data.pass }}
{{- end }}
EOH
  destination = "/run/env"
}
