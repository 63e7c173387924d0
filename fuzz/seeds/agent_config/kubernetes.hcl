auto_auth {
  method "kubernetes" { config { role = "app" } }
  sink "file" { wrap_ttl = "5m" config { path = "/t" mode = 0600 } }
}
template { contents = "x" destination = "/d" wait { min = "2s" } exec { command = ["a"] env { pristine = true } } }
listener "tcp" { tls_disable = true }
cache { persist "kubernetes" { path = "/p" } }
