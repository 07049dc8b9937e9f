//! Instructions that an answer takes, metrics included: the same on every machine.
//!
//! Each number is of 1,000 questions. Needs valgrind and `cargo install gungraun-runner`; so it
//! only runs when asked for: `cargo bench --bench instructions`.

#![allow(missing_docs, reason = "gungraun's macros write public items")]

mod support;

use std::hint::black_box;

use clusterdns::{
    observe::cells::Cells,
    respond::{Memory, REPLY_OCTETS_MAX, Responder},
};
use gungraun::{library_benchmark, library_benchmark_group, main};
use support::{ASKED, Kind, MIXED};

const QUESTIONS: usize = 1000;

struct Bench {
    responder: Responder,
    cells: Cells,
    memory: Memory,
    reply: Vec<u8>,
    packets: Vec<Vec<u8>>,
}

fn of(kind: Kind) -> Bench {
    bench(support::packets(MIXED, kind, QUESTIONS))
}

fn mixed() -> Bench {
    bench(support::mix(MIXED, QUESTIONS))
}

fn bench(packets: Vec<Vec<u8>>) -> Bench {
    let (_, view) = MIXED.store();
    let responder = support::responder(view);
    let mut bench = Bench {
        cells: Cells::new(responder.plan().routes.len()),
        memory: Memory::default(),
        reply: vec![0; REPLY_OCTETS_MAX],
        responder,
        packets,
    };
    // What is made on first use is there.
    for packet in &bench.packets {
        bench.responder.answer(packet, &ASKED, &mut bench.memory, &mut bench.reply);
    }
    bench
}

#[library_benchmark]
#[bench::mix(mixed())]
#[bench::address(of(Kind::Address))]
#[bench::no_data(of(Kind::NoData))]
#[bench::miss(of(Kind::Miss))]
#[bench::headless(of(Kind::Headless))]
#[bench::port(of(Kind::Port))]
#[bench::pointer(of(Kind::Pointer))]
fn answer(mut bench: Bench) -> Bench {
    let Bench { responder, cells, memory, reply, packets } = &mut bench;
    for packet in packets {
        if let Some(outcome) = responder.answer(black_box(packet), &ASKED, memory, reply) {
            cells.record(&ASKED, packet.len(), &outcome);
        }
    }
    // Dropping it is no part of an answer.
    bench
}

library_benchmark_group!(name = answers, benchmarks = answer);
main!(library_benchmark_groups = answers);
