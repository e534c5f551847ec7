//! The same node run by BIRD 1.6, then by roost: the answers to each command have the same layout, octet by octet.

use roost_tests::daemon::bird1::Bird1;

use super::*;

/// The node, as Calico writes it for BIRD.
const BIRD: &str = "
router id 10.9.0.1;
log stderr all;
protocol static { route 10.65.1.0/26 blackhole; }
protocol kernel { scan time 2; import none; export all; }
protocol device { scan time 2; }
protocol direct { interface \"eth0\"; }
template bgp t { local as 64512; gateway recursive; import all; export all; add paths on; graceful restart; multihop;
  source address 10.9.0.1; connect retry time 1; connect delay time 1; hold time 240; keepalive time 80; }
protocol bgp Mesh_10_9_0_2 from t { neighbor 10.9.0.2 as 64512; description \"mesh n2\"; }
protocol bgp Node_10_9_0_3 from t { neighbor 10.9.0.3 as 64512; }
protocol bgp Global_10_9_0_4 from t { neighbor 10.9.0.4 as 65001; passive on; }
";

/// What is answered alike but for times and versions.
const EXACT: &[&str] = &[
    "show status",
    "show protocols Mesh_10_9_0_2",
    "show protocols 'Mesh_10_9_0_2'",
    "show protocols \"Mesh?10*\"",
    "show protocols nobody",
    "show protocols all \"nobody*\"",
    "show protocols Mesh_10_9_0_2 all",
    "show route",
    "show route all",
    "show route for 10.65.2.9",
    "show route for 10.65.2.9 all",
    "show route for 192.0.2.1",
    "show route 10.65.2.0/26 all",
    "show route 10.65.7.0/26",
    "show route protocol Mesh_10_9_0_2",
    "show route all protocol static1",
    "show route protocol kernel1",
    "show route protocol nobody",
    "show route table master primary",
    "show route table other",
    "show route filtered",
    "configure check",
    "enable Mesh_10_9_0_2",
    "disable Global_10_9_0_4",
    "disable Global_10_9_0_4",
    "restart Global_10_9_0_4",
    "reload Global_10_9_0_4",
    "show protocols Global_10_9_0_4",
    "enable Global_10_9_0_4",
    "enable \"Global*\"",
    "restart \"Node*\"",
    "restart nobody",
    "reload \"nobody*\"",
    "",
    "show",
    "bogus",
    "show status extra",
    "SHOW STATUS",
    "enable \"x",
    "enable",
    "restrict",
    "configure",
    "reload Mesh_10_9_0_2",
];

/// What is answered with other words or numbers in the same places.
const IN_FORM: &[&str] = &[
    "show protocols",
    "show protocols all Mesh_10_9_0_2",
    "show protocols all static1",
    "show protocols all device1",
    "show memory",
    "show route primary count",
    "show route count",
    "show route count protocol Mesh_10_9_0_2",
    "show route stats protocol static1",
];

#[test]
fn roost_answers_in_the_layout_of_bird() {
    let node = Node::new("birdalike");
    let bird_socket = Daemon::socket(&node.ns, "bird1");
    let mut bird = Daemon::start(Bird1::default(), &node.ns, BIRD);
    wait_for(&bird_socket, "Mesh_10_9_0_2", "Established");
    until("the routes of the other node", PATIENCE, || {
        let count = ask(&bird_socket, "show route count");
        if count.contains("5 of 5 routes for 5 networks") { Ok(()) } else { Err(count) }
    });
    let of_bird = conversation(&bird_socket);
    bird.stop();
    let _roost = node.roost(true);
    readers::wait_until_ready(&node.socket("bird.ctl"));
    let of_roost = conversation(&node.socket("bird.ctl"));
    let mut differences = String::new();
    for ((command, bird), (_, roost)) in of_bird.iter().zip(&of_roost) {
        if bird != roost {
            differences += &format!("> {command}\n--- BIRD\n{bird}--- roost\n{roost}\n");
        }
    }
    assert_eq!(of_bird.len(), EXACT.len() + IN_FORM.len());
    assert!(differences.is_empty(), "{differences}");
}

/// What each command is answered, as far as it must be alike.
#[track_caller]
fn conversation(socket: &Path) -> Vec<(&'static str, String)> {
    let in_form = IN_FORM.iter().map(|command| (*command, in_form(&ask(socket, command))));
    let mut answers: Vec<_> = in_form.collect();
    // On one connection, as `restrict` is for the rest of it.
    let (mut client, greeting) = Client::connect(socket);
    assert!(greeting.starts_with("0001 BIRD 1.6.8") && greeting.ends_with(" ready.\n"), "{greeting}");
    answers.extend(EXACT.iter().map(|command| (*command, exact(command, &client.ask(command)))));
    answers
}

/// With what cannot be the same taken out.
fn exact(command: &str, answer: &str) -> String {
    let mut lines: Vec<String> = answer.split_inclusive('\n').map(|line| version_less(&timeless(line))).collect();
    // BIRD's table has no order, and the subnet in it, by which BIRD resolves next hops. Codes go with the place of a line, so they are looked at before.
    if command.starts_with("show route") && !command.contains("all") {
        assert!(lines.iter().skip(1).all(|line| line.starts_with(' ') || line.as_bytes()[4] == b' '), "{answer}");
        lines = lines.iter().map(|line| line.replacen("1007-", " ", 1)).collect();
        lines.retain(|line| !line.contains(" [direct1 "));
        lines.sort();
    } else if command.starts_with("show route") {
        let mut routes: Vec<String> = Vec::new();
        for line in lines {
            match routes.last_mut() {
                Some(route) if line.starts_with("1008") || line.starts_with("1012") || line.starts_with(' ') => {
                    route.push_str(&line);
                }
                _ => routes.push(line),
            }
        }
        routes.retain(|route| !route.contains(" [direct1 "));
        routes.sort();
        lines = routes;
    }
    lines.concat()
}

/// Dates and times as `TIME`, with the blanks that fill the column.
fn timeless(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split(' ') {
        let digits: String = word.chars().map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect();
        words.push(match digits.trim_end_matches(['\n', ']']) {
            "dddd-dd-dd" => "DATE",
            "dd:dd:dd" if word.ends_with(']') => "TIME]",
            "dd:dd:dd" if word.ends_with('\n') => "TIME\n",
            "dd:dd:dd" => "TIME",
            _ => word,
        });
    }
    words.join(" ")
}

fn version_less(line: &str) -> String {
    match line.split_once("BIRD 1.6.8") {
        Some((before, _)) if line.starts_with("1000") => format!("{before}BIRD VERSION\n"),
        _ if line.starts_with("0002-Reading configuration from ") => {
            "0002-Reading configuration from FILE\n".to_owned()
        }
        _ => line.to_owned(),
    }
}

/// Only the labels, and where values stand.
fn in_form(answer: &str) -> String {
    let rows = answer.lines().filter(|line| !line.contains("direct1"));
    rows.map(|line| form(&timeless(line)) + "\n").collect()
}

fn form(line: &str) -> String {
    if line.starts_with("0014 ") {
        return line.chars().map(|c| if c.is_ascii_digit() { 'n' } else { c }).collect();
    }
    if line.contains(" BGP ") && !line.contains("Established") {
        // State and reason are another daemon's and another moment's; their columns are the same.
        return format!("{}…", &line[..line.find("TIME").expect("a row has a time") + 8]);
    }
    let text = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == ' ');
    if text.starts_with("Import ") || text.starts_with("Export ") {
        // Numbers, or `---` where there are none, end in the same column.
        return format!("{} {}", &line[..line.find(':').expect("a label")], line.len());
    }
    match line.split_once(':') {
        Some((label, value)) if !value.is_empty() && !value.contains("received") => {
            let blanks = value.len() - value.trim_start().len();
            let number = value.trim_start().starts_with(|c: char| c.is_ascii_digit()) && line.ends_with('B');
            // A size is aligned to the right.
            if number { format!("{label}: {}", line.len()) } else { format!("{label}:{}…", " ".repeat(blanks)) }
        }
        _ => line.to_owned(),
    }
}
