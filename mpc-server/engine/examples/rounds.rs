//! Runs rounds with three parties as threads of one process and prints where the time goes.
//!
//! `cargo run --release -p mcmix-engine --example rounds -- [PROGRAM] [ROWS] [MESSAGE_BYTES] [ROUNDS]`

use std::{env, time::Instant};

use mcmix_engine::{
    BothToldInput, Context, ConversationInput, DialingInput, DialingProgram, Error, Replies,
    Settings, SortWidth, conversation, conversation_by_sorting, dialing, dialing_both_told,
    program::DIAL_INPUT_BYTES, world::World,
};

fn main() -> Result<(), Error> {
    let mut args = env::args().skip(1);
    let program = args.next().unwrap_or_else(|| "conversation".into());
    let mut number = |default: usize| args.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (rows, message_bytes, rounds) = (number(100_000), number(256), number(5));
    let (threads, ways) = (number(1), number(2));
    let sort_width = SortWidth::new(u8::try_from(ways).unwrap_or(u8::MAX));
    let mut world = World::with_settings(
        1,
        Settings {
            threads,
            sort_width,
        },
    );
    let input: Vec<u8> = if ["dialing", "open"].contains(&&*program) {
        // Half of the clients dial the one before them, with its pass.
        let row = |i: usize| {
            let callee = if i % 2 == 1 {
                wide_id(i - 1)
            } else {
                wide_id(!i)
            };
            let mut row = [callee, callee, wide_id(i)].concat();
            row.resize(DIAL_INPUT_BYTES, 0);
            row
        };
        (0..rows).flat_map(row).collect()
    } else if program == "both-told" {
        // One in three checks, one in three dials the row before, one in three is closed.
        let callee = |i: usize| {
            [id(i), id(i - i % 3), !id(i)]
                .get(i % 3)
                .map(|id| id.to_le_bytes())
        };
        (0..rows).filter_map(callee).flatten().collect()
    } else {
        // Half of the rows are in pairs.
        let row = |i: usize| {
            let tag = if i % 4 < 2 { id(i / 2) } else { !id(i) };
            let header = tag.to_le_bytes().into_iter().chain([u8::from(i % 2 == 1)]);
            header.chain(std::iter::repeat_n(0, message_bytes))
        };
        (0..rows).flat_map(row).collect()
    };
    println!(
        "{program}, {rows} rows, messages of {message_bytes} bytes, {threads} threads a party"
    );
    for round in 1..=rounds as u64 {
        let replies = world.run(&input, |context, first, second| {
            context.begin(round)?;
            let began = Instant::now();
            let replies = run(&program, context, (rows, message_bytes), first, second);
            Ok((replies?, began.elapsed()))
        })?;
        let wall = replies
            .iter()
            .map(|(_, wall)| *wall)
            .max()
            .unwrap_or_default();
        let statistics = world.statistics();
        let sent: u64 = statistics
            .iter()
            .map(|s| s.sent_to_next + s.sent_to_prev)
            .sum();
        let chain = statistics
            .iter()
            .map(|s| s.rounds)
            .max()
            .unwrap_or_default();
        println!(
            "round {round}: {:.1} ms, {chain} communication rounds, {} bytes a row",
            wall.as_secs_f64() * 1e3,
            sent / rows as u64
        );
        if round == rounds as u64 {
            for (party, statistics) in statistics.iter().enumerate() {
                print!("P{party}:");
                for (phase, time) in &statistics.phases {
                    print!(" {phase} {:.1}", time.as_secs_f64() * 1e3);
                }
                println!();
            }
        }
        world.recycle(replies.map(|(replies, _)| replies));
    }
    Ok(())
}

fn id(i: usize) -> u64 {
    (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn wide_id(i: usize) -> [u8; 16] {
    (u128::from(id(i)) * u128::from(id(!i))).to_le_bytes()
}

fn run(
    program: &str,
    context: &mut Context,
    (rows, message_bytes): (usize, usize),
    first: Vec<u8>,
    second: Vec<u8>,
) -> Result<Replies, Error> {
    let input = |first, second| ConversationInput {
        rows,
        message_bytes,
        first,
        second,
    };
    match program {
        "dialing" | "open" => {
            let program = match program {
                "open" => DialingProgram::Open,
                _ => DialingProgram::Contacts,
            };
            let ids = (0..rows).map(wide_id).collect();
            dialing(
                context,
                DialingInput {
                    program,
                    ids,
                    first,
                    second,
                },
            )
        }
        "both-told" => {
            let ids: Vec<u64> = (0..rows).map(id).collect();
            let keys = vec![[7; 32]; rows];
            dialing_both_told(
                context,
                BothToldInput {
                    ids,
                    keys,
                    first,
                    second,
                },
            )
        }
        "sorting" => conversation_by_sorting(context, input(first, second)),
        _ => conversation(context, input(first, second)),
    }
}
