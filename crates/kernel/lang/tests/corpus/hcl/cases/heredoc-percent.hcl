script = <<END
%{ if ready }
%{ endif }
END
