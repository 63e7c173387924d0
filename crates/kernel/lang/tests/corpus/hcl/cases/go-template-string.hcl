a = "{{ with secret \"kv/x\" }}{{ .Data.v }}{{ end }}"
