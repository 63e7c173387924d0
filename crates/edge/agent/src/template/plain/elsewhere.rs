//! Names that templates of other agents know and this one refuses, with what to use instead.

const CONSUL: &str =
    "it asks Consul, which this agent does not talk to; read what it holds with secret, file or env";
const NOMAD: &str =
    "it asks Nomad, which this agent does not talk to; read what it holds with secret, file or env";
const GROUPS: &str = "it groups services of Consul or Nomad, which this agent does not talk to; group values with scratch.MapSet";
const PRINTS: &str = "it prints values to the output of the agent, where logs are kept; write printf \"%#v\" or \
                      toJSONPretty into a file while you look for a mistake";
const LAYOUT: &str =
    "it shows how Go keeps values in memory; printf \"%T %#v\" and toJSONPretty show type and value";
const CHANCE: &str = "its result differs each time, so the file would never come to rest; \
                      let the server make it, for example with sys/tools/random";
const SECRETS: &str = "templates make no keys, certificates and passwords, which would be others in each rendering; \
                       let the server make them, for example with secret \"pki/issue/ROLE\"";

/// Why the function of this name is not here, if it is known.
pub(in super::super) fn refusal(name: &str) -> Option<&'static str> {
    Some(match name {
        "caLeaf" | "caRoots" | "connect" | "datacenters" | "exportedServices" | "importedServices"
        | "key" | "keyExists" | "keyOrDefault" | "ls" | "node" | "nodes" | "partitions" | "peerings"
        | "safeLs" | "safeTree" | "service" | "services" | "tree" => CONSUL,
        "nomadService" | "nomadServices" | "nomadVar" | "nomadVarExists" | "nomadVarList"
        | "nomadVarListSafe" => NOMAD,
        "byMeta" | "byPort" | "byTag" => GROUPS,
        "sockaddr" => {
            "it asks the network interfaces of the machine, which can change unseen; \
             hand the address in as a variable and read it with env"
        }
        "spew_dump" | "spew_printf" => PRINTS,
        "spew_sdump" | "spew_sprintf" => LAYOUT,
        "sprig_add1f" | "sprig_addf" => "add takes fractions: 1.5 | add 2",
        "sprig_subf" => "subtract takes fractions: 3 | subtract 1.5",
        "sprig_mulf" => "multiply takes fractions: 3 | multiply 1.5",
        "sprig_divf" => "divide takes fractions: 3 | divide 1.5",
        "sprig_mustDateModify" | "sprig_must_date_modify" => {
            "times are not computed with; timestamp \"unix\" | parseInt | add 3600 is an hour from now"
        }
        "sprig_ago" | "sprig_randInt" | "sprig_shuffle" => CHANCE,
        "sprig_bcrypt"
        | "sprig_buildCustomCert"
        | "sprig_decryptAES"
        | "sprig_derivePassword"
        | "sprig_encryptAES"
        | "sprig_genCA"
        | "sprig_genCAWithKey"
        | "sprig_genPrivateKey"
        | "sprig_genSelfSignedCert"
        | "sprig_genSelfSignedCertWithKey"
        | "sprig_genSignedCert"
        | "sprig_genSignedCertWithKey"
        | "sprig_htpasswd" => SECRETS,
        "sprig_hello" => "it only tests the library; write the text",
        _ => return None,
    })
}
