storage "raft" { path = "/srv/arca" node_id = "alpha" }
