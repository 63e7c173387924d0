text = <<-EOH
    first
      second
    EOH
