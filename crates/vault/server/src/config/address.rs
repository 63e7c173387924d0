//! Addresses of this machine in a configuration: `{{ GetPrivateIP }}` and its like.
//!
//! Of the template language existing servers use for addresses, the calls that name one address are understood:
//! `GetPrivateIP`, `GetPublicIP` and `GetInterfaceIP "eth0"`. Pipelines are refused with a message.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LocalAddress {
    pub(super) interface: String,
    pub(super) address: IpAddr,
}

/// What templates choose from.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalAddresses {
    /// The addresses of interfaces that are up, loopback left out.
    pub(super) all: Vec<LocalAddress>,
    /// The address packets to the world are sent from.
    pub(super) outward: Option<IpAddr>,
}

impl LocalAddresses {
    /// Those of this machine now.
    pub(super) fn of_machine() -> Self {
        let interfaces = getifaddrs().into_iter().flatten();
        let all = interfaces.filter_map(|interface| {
            let up = interface.flags.contains(InterfaceFlags::IFF_UP);
            let loopback = interface.flags.contains(InterfaceFlags::IFF_LOOPBACK);
            let address = interface.address.filter(|_| up && !loopback)?;
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            let v6 = address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()));
            Some(LocalAddress {
                interface: interface.interface_name,
                address: v4.or(v6)?,
            })
        });
        Self {
            all: all.collect(),
            outward: outward(),
        }
    }

    fn first(&self, wanted: impl Fn(&IpAddr) -> bool) -> Option<IpAddr> {
        let outward = self.outward.filter(|address| wanted(address));
        outward.or_else(|| {
            self.all
                .iter()
                .map(|local| local.address)
                .find(|address| wanted(address))
        })
    }

    fn of_interface(&self, name: &str) -> Option<IpAddr> {
        let of_it = || {
            self.all
                .iter()
                .filter(|local| local.interface == name)
                .map(|local| local.address)
        };
        of_it().find(IpAddr::is_ipv4).or_else(|| of_it().next())
    }
}

/// The source address the routing table gives for the world. Connecting a datagram socket sends nothing; the
/// address is one of those reserved for documentation.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Puts addresses in the place of templates.
pub(super) fn expand(text: &str, local: &LocalAddresses) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, opened)) = rest.split_once("{{") {
        let (call, after) = opened
            .split_once("}}")
            .ok_or_else(|| format!("the address template in {text:?} is not closed with }}}}"))?;
        out.push_str(before);
        out.push_str(&evaluate(call.trim(), local)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn evaluate(call: &str, local: &LocalAddresses) -> Result<String, String> {
    let found = match call {
        "GetPrivateIP" => local.first(is_private),
        "GetPublicIP" => local.first(|address| !is_private(address) && is_global(address)),
        _ => match interface_of(call) {
            Some(name) => local.of_interface(name),
            None => {
                return Err(format!(
                    "the address template {call:?} is not supported: use GetPrivateIP, GetPublicIP, \
                     GetInterfaceIP \"eth0\" or the address itself"
                ));
            }
        },
    };
    found
        .map(|address| address.to_string())
        .ok_or_else(|| format!("the address template {call:?} finds no address on this machine"))
}

/// The name in `GetInterfaceIP "eth0"`.
fn interface_of(call: &str) -> Option<&str> {
    let name = call.strip_prefix("GetInterfaceIP")?.trim();
    let name = name.strip_prefix('"')?.strip_suffix('"')?;
    (!name.is_empty() && !name.contains('"')).then_some(name)
}

fn is_private(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if v4.is_private())
}

fn is_global(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V4(v4) if !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> LocalAddresses {
        let local = |interface: &str, address: &str| LocalAddress {
            interface: interface.to_owned(),
            address: address.parse().unwrap(),
        };
        LocalAddresses {
            all: vec![
                local("docker0", "172.17.0.1"),
                local("eth0", "fe80::1"),
                local("eth0", "10.1.2.3"),
                local("eth1", "203.0.113.9"),
                local("tun0", "2001:db8::7"),
            ],
            outward: Some("10.1.2.3".parse().unwrap()),
        }
    }

    #[test]
    fn templates_become_addresses() {
        for (text, expanded) in [
            ("127.0.0.1:8200", "127.0.0.1:8200"),
            ("{{ GetPrivateIP }}:8200", "10.1.2.3:8200"),
            ("https://{{GetPrivateIP}}:8200", "https://10.1.2.3:8200"),
            ("{{ GetPublicIP }}:8200", "203.0.113.9:8200"),
            ("{{ GetInterfaceIP \"eth0\" }}:8200", "10.1.2.3:8200"),
            ("[{{ GetInterfaceIP \"tun0\" }}]:8200", "[2001:db8::7]:8200"),
            ("{{ GetPrivateIP }}{{ GetPrivateIP }}", "10.1.2.310.1.2.3"),
        ] {
            assert_eq!(expand(text, &machine()).unwrap(), expanded);
        }
    }

    #[test]
    fn a_machine_without_a_route_still_has_a_private_address() {
        let machine = LocalAddresses {
            outward: None,
            ..machine()
        };
        assert_eq!(expand("{{ GetPrivateIP }}", &machine).unwrap(), "172.17.0.1");
    }

    #[test]
    fn the_rest_is_refused_with_a_reason() {
        for (text, reason) in [
            ("{{ GetPrivateIP", "not closed"),
            (
                "{{ GetAllInterfaces | include \"name\" \"eth0\" | attr \"address\" }}",
                "not supported",
            ),
            ("{{ GetInterfaceIP eth0 }}", "not supported"),
            ("{{ GetInterfaceIP \"wlan7\" }}", "finds no address"),
            ("{{ }}", "not supported"),
        ] {
            let error = expand(text, &machine()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(expand("{{ GetPublicIP }}", &LocalAddresses::default()).is_err());
    }

    #[test]
    fn this_machine_can_be_asked() {
        let local = LocalAddresses::of_machine();
        assert!(local.all.iter().all(|local| !local.address.is_loopback()));
    }
}
