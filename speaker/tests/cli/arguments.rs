//! Which command lines are understood, and as what.

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use speaker::api::model::RouteFilter;
use speaker::cli::{Args, Command, Output, Show};

/// `Ok` with what was understood (as its `Debug` text without the defaults), or the kind of the error.
fn understood(line: &str) -> String {
    match Args::try_parse_from(line.split_whitespace()) {
        Ok(args) => match args.command {
            Command::Show { what: Show::Routes(filter) } => format!("{:?}", RouteFilter::from(filter)),
            command => format!("{command:?}"),
        },
        Err(error) => format!("{:?}", error.kind()),
    }
}

#[test]
fn the_definition_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn command_lines() {
    for (line, expected) in [
        ("roost run --config /etc/roost.yaml", "Run { config: \"/etc/roost.yaml\" }"),
        ("roost run -c x", "Run { config: \"x\" }"),
        ("roost run", "Run { config: \"/etc/roost/roost.yaml\" }"),
        ("roost check x.yaml", "Check { file: \"x.yaml\" }"),
        ("roost check", "MissingRequiredArgument"),
        ("roost schema", "Schema"),
        ("roost show status", "Show { what: Status }"),
        ("roost show peers --json", "Show { what: Peers(PeersArgs { peer: None, state: None }) }"),
        (
            "roost show peers --peer node-b --state down",
            "Show { what: Peers(PeersArgs { peer: Some(\"node-b\"), state: Some(Down) }) }",
        ),
        ("roost show peers --state up", "InvalidValue"),
        ("roost show peer 172.16.1.2", "Show { what: Peer { name: \"172.16.1.2\" } }"),
        ("roost show peer fe80::2%eth0", "Show { what: Peer { name: \"fe80::2%eth0\" } }"),
        ("roost show peer", "MissingRequiredArgument"),
        ("roost show route 10.0.0.0/8", "Show { what: Route { prefix: \"10.0.0.0/8\" } }"),
        ("roost show fib", "Show { what: Fib(FibArgs { prefix: None, longer: false, state: None }) }"),
        (
            "roost show fib --prefix 10.65.0.0/16 --longer --state withheld",
            "Show { what: Fib(FibArgs { prefix: Some(\"10.65.0.0/16\"), longer: true, state: Some(Withheld) }) }",
        ),
        ("roost show fib --longer", "MissingRequiredArgument"),
        ("roost fib clean", "Fib { what: Clean { config: \"/etc/roost/roost.yaml\", yes: false } }"),
        ("roost fib clean -c x.yaml --yes", "Fib { what: Clean { config: \"x.yaml\", yes: true } }"),
        ("roost drain --timeout 90.5s", "ValueValidation"),
        (
            "roost drain --settle 7 --timeout 2m30s",
            "Drain(DrainArgs { message: None, settle: Some(7), timeout: Some(150), until_restart: false, no_wait: false })",
        ),
        ("roost log fib_sync=loud", "ValueValidation"),
        ("roost show pools", "Show { what: Pools }"),
        ("roost show groups", "Show { what: Groups }"),
        ("roost show overlay", "Show { what: Overlay }"),
        ("roost show config", "Show { what: Config }"),
        (
            "roost peer add 10.9.0.2 --as 64513 --client --set hold_time=30s",
            "Peer { order: Add(NewPeer { address: \"10.9.0.2\", asn: Some(\"64513\"), group: None, description: None, \
             import: None, export: None, client: true, password_file: None, more: MoreKeys { keys: [\"hold_time=30s\"] } }) }",
        ),
        ("roost peer add 10.9.0.2", "MissingRequiredArgument"),
        ("roost peer remove fe80::2%eth0", "Peer { order: Remove { address: \"fe80::2%eth0\" } }"),
        (
            "roost pool add 10.66.0.0/16",
            "Pool { order: Add { cidr: \"10.66.0.0/16\", mode: None, more: MoreKeys { keys: [] } } }",
        ),
        ("roost pool remove 10.66.0.0/16", "Pool { order: Remove { cidr: \"10.66.0.0/16\" } }"),
        ("roost show owners", "Show { what: Owners }"),
        ("roost show memory", "Show { what: Memory }"),
        ("roost why 10.65.2.7", "Why { address: 10.65.2.7 }"),
        ("roost why fd00:65:2::7 --json", "Why { address: fd00:65:2::7 }"),
        ("roost why 10.65.2.0/26", "ValueValidation"),
        ("roost why", "MissingRequiredArgument"),
        ("roost fib doctor", "Fib { what: Doctor { config: \"/etc/roost/roost.yaml\" } }"),
        ("roost fib doctor --config x.yaml", "Fib { what: Doctor { config: \"x.yaml\" } }"),
        ("roost fib", "DisplayHelpOnMissingArgumentOrSubcommand"),
        ("roost show", "DisplayHelpOnMissingArgumentOrSubcommand"),
        ("roost show nothing", "InvalidSubcommand"),
        (
            "roost show routes --prefix 10.0.0.0/8 --longer --peer node-b --best",
            "RouteFilter { prefix: Some(\"10.0.0.0/8\"), longer: true, address: None, peer: Some(\"node-b\"), best: true, \
             community: None, state: None }",
        ),
        (
            "roost show routes --community 64512:100 --state stale",
            "RouteFilter { prefix: None, longer: false, address: None, peer: None, best: false, \
             community: Some(\"64512:100\"), state: Some(Stale) }",
        ),
        ("roost show routes --state fine", "InvalidValue"),
        ("roost show routes --longer", "MissingRequiredArgument"),
        ("roost show routes --prefix 10.0.0.0/8 --address 10.0.0.1", "ArgumentConflict"),
        (
            "roost announce 10.65.1.0/26 10.65.1.7",
            "Announce { prefixes: [\"10.65.1.0/26\", \"10.65.1.7\"], service: false, owner: \"default\" }",
        ),
        (
            "roost announce --service --owner lb 10.9.9.9",
            "Announce { prefixes: [\"10.9.9.9\"], service: true, owner: \"lb\" }",
        ),
        ("roost announce", "MissingRequiredArgument"),
        ("roost withdraw", "MissingRequiredArgument"),
        ("roost withdraw 10.65.1.7 --all", "ArgumentConflict"),
        ("roost withdraw --all --owner lb", "Withdraw { owner: \"lb\", prefixes: [], all: true }"),
        (
            "roost peer refresh 172.16.1.2 node-b --in --family ipv4",
            "Peer { order: Refresh { whom: Whom { peers: [\"172.16.1.2\", \"node-b\"], all: false }, incoming: true, \
             outgoing: false, family: [\"ipv4\"] } }",
        ),
        ("roost peer refresh 172.16.1.2 --in --out", "ArgumentConflict"),
        ("roost peer refresh 172.16.1.2 --family vpnv4", "InvalidValue"),
        (
            "roost peer reset --all --message back-at-noon --graceful",
            "Peer { order: Reset { whom: Whom { peers: [], all: true }, message: Some(\"back-at-noon\"), graceful: true } }",
        ),
        (
            "roost peer disable node-b",
            "Peer { order: Disable { whom: Whom { peers: [\"node-b\"], all: false }, message: None } }",
        ),
        ("roost peer enable --all", "Peer { order: Enable { whom: Whom { peers: [], all: true } } }"),
        ("roost peer enable", "MissingRequiredArgument"),
        ("roost peer enable node-b --all", "ArgumentConflict"),
        ("roost peer", "DisplayHelpOnMissingArgumentOrSubcommand"),
        (
            "roost decode",
            "Decode { file: None, options: DecodeArgs { as2: false, as4: false, add_path: false, port: 179 } }",
        ),
        (
            "roost decode session.pcap --as2",
            "Decode { file: Some(\"session.pcap\"), options: DecodeArgs { as2: true, as4: false, add_path: false, port: 179 } }",
        ),
        (
            "roost decode --as4 --add-path --port 1790",
            "Decode { file: None, options: DecodeArgs { as2: false, as4: true, add_path: true, port: 1790 } }",
        ),
        ("roost decode --as2 --as4", "ArgumentConflict"),
        ("roost decode --port 70000", "ValueValidation"),
        ("roost completions bash", "Completions { shell: Bash }"),
        ("roost completions cmd", "InvalidValue"),
        ("roost man", "Man { folder: None }"),
        ("roost man x", "Man { folder: Some(\"x\") }"),
        ("roost --version", "DisplayVersion"),
        ("roost", "DisplayHelpOnMissingArgumentOrSubcommand"),
        ("roost fly", "InvalidSubcommand"),
    ] {
        assert_eq!(understood(line), expected, "{line}");
    }
}

#[test]
fn the_socket_can_stand_anywhere_on_the_line() {
    for line in ["roost --socket /x show peers", "roost show --socket /x peers", "roost show peers --socket /x"] {
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!(args.socket.to_str(), Some("/x"), "{line}");
    }
}

#[test]
fn an_answer_is_printed_as_one_form_that_can_stand_anywhere_on_the_line() {
    for (line, expected) in [
        ("roost show peers", Ok(Output::Table)),
        ("roost show peers -o wide", Ok(Output::Wide)),
        ("roost -o json show peers", Ok(Output::Json)),
        ("roost show --output wide routes", Ok(Output::Wide)),
        ("roost show routes --json", Ok(Output::Json)),
        ("roost show routes --json -o wide", Err(ErrorKind::ArgumentConflict)),
        ("roost show routes -o yaml", Err(ErrorKind::InvalidValue)),
    ] {
        let args = Args::try_parse_from(line.split_whitespace());
        assert_eq!(args.map(|args| args.output()).map_err(|error| error.kind()), expected, "{line}");
    }
}
