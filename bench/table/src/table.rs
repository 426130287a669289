//! The table: a part for each row, a line for each stack, as Markdown that can be read as it is.

use crate::settings::Settings;
use std::io::Write;

/// Says how it is measured.
pub fn print_settings(settings: &Settings) {
    println!("Settings");
    let what = if settings.is_pair { "builds" } else { "stacks" };
    println!(
        "- medians of {} rounds, {what} in turn within each; loopback; client on core {}, server on core {}",
        settings.rounds, settings.cores.0, settings.cores.1
    );
    println!(
        "- {} MB in bulk after 64 MiB of warm-up; {} requests at one in flight, {} at more, after 2,000; {} handshakes after 100",
        settings.bytes / 1_000_000,
        settings.requests,
        settings.requests * 8,
        settings.handshakes
    );
    println!("- GSO and GRO, socket buffers of 4 MiB, AES-128-GCM, X25519, ECDSA P-256");
    let precedence = std::env::var_os("BENCH_PRECEDENCE").is_some();
    println!(
        "- measured processes {} (BENCH_PRECEDENCE)",
        if precedence { "go before ordinary ones" } else { "are ordinary ones" }
    );
    println!("- a pair in a cell is client / server; see docs/performance.md for what each column means");
    for stack in &settings.stacks {
        let of = if settings.is_pair { &*stack.program } else { stack.settings };
        println!("- {}: {of}", stack.name);
    }
}

/// One part.
pub fn print_part(name: &str, heads: &[&str], lines: &[(String, Result<Vec<String>, String>)]) {
    println!("\n### {name}\n");
    let first = lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let mut widths: Vec<usize> = heads.iter().map(|head| head.len()).collect();
    for cells in lines.iter().filter_map(|(_, cells)| cells.as_ref().ok()) {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.len());
        }
    }
    let print = |label: &str, cells: &mut dyn Iterator<Item = &str>| {
        print!("| {label:<first$} |");
        for (width, cell) in widths.iter().zip(cells) {
            print!(" {cell:>width$} |");
        }
        println!();
    };
    print("", &mut heads.iter().copied());
    println!(
        "|{}|{}",
        "-".repeat(first + 2),
        widths.iter().map(|width| format!("{}:|", "-".repeat(width + 1))).collect::<String>()
    );
    for (label, cells) in lines {
        match cells {
            Ok(cells) => print(label, &mut cells.iter().map(String::as_str)),
            Err(reason) => println!("| {label:<first$} | failed: {reason}"),
        }
    }
    let _ = std::io::stdout().flush();
}
