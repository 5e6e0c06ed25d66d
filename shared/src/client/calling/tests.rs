//! The picture of a person's states, made from the step itself.

use super::*;
use crate::{
    identity::{Name, SecretKey},
    manifest::tests::demo,
};

const PACE: Pace = Pace {
    conversation_ms: 1000,
    dialing_ms: 2000,
};

/// Two people, seen from one side; each state and input is made anew, for states own their data.
struct Sample {
    secret: SecretKey,
    realm: Realm,
    own: ClientKey,
    peer: ClientKey,
    order: KeyOrder,
}

impl Sample {
    fn new(order: KeyOrder) -> Self {
        let (a, b) = (
            SecretKey::from_bytes([1; 32]),
            SecretKey::from_bytes([2; 32]),
        );
        let a_is_smaller = a.client_key() < b.client_key();
        let (secret, other) = if a_is_smaller == (order == KeyOrder::OursIsSmaller) {
            (a, b)
        } else {
            (b, a)
        };
        Self {
            own: secret.client_key(),
            peer: other.client_key(),
            secret,
            realm: demo().realm(),
            order,
        }
    }

    fn other(&self) -> SecretKey {
        let other = [[1; 32], [2; 32]].map(SecretKey::from_bytes);
        let found = other.into_iter().find(|it| it.client_key() == self.peer);
        found.unwrap()
    }

    fn at(&self, when: When) -> Circumstances {
        let turn = match when {
            When::Now => 100,
            When::Later => 100 + PAUSE_TURNS,
            When::Late => 40_000_000,
        };
        Circumstances {
            now: Moment {
                round: 2 * turn,
                turn,
                wall: 1_000_000 + turn * 1000,
            },
            pace: PACE,
            order: self.order,
        }
    }

    fn now(&self) -> Moment {
        self.at(When::Now).now
    }

    fn payload(&self, secret: &CallSecret, kind: CallKind) -> CallPayload {
        CallPayload {
            kind,
            validity: Validity::Stands,
            name: Name::new("Ada").unwrap(),
            seed: secret.meeting_seed(),
            resume: ResumeId::from_bytes([0; 8]),
            until: self.now().ahead(0, CALL_DIALS, PACE),
            places: Places::new(0xff).unwrap(),
        }
    }

    fn outgoing(&self, kind: CallKind, paused: Option<Moment>) -> Box<Outgoing> {
        let secret = CallSecret(Secret::from_bytes([3; 32]));
        let payload = self.payload(&secret, kind);
        let between = Between {
            secret: &self.secret,
            realm: &self.realm,
            own: self.own,
            peer: self.peer,
            message_bytes: 256,
        };
        Box::new(Outgoing::new(secret, payload, self.now(), paused, between))
    }

    /// A call of theirs; another number is another call.
    fn incoming(&self, number: u8) -> Incoming {
        let secret = CallSecret(Secret::from_bytes([number; 32]));
        let payload = self.payload(&secret, CallKind::Call);
        Incoming {
            message: crate::call::seal(&self.other(), &self.realm, &self.own, &secret, &payload),
            seed: payload.seed,
            until: payload.until,
            device: CallerDevice::Known,
            first: self.now(),
            last: self.now(),
        }
    }

    fn answering(&self, beside: Beside) -> Box<Answering> {
        let incoming = self.incoming(4);
        let accepted = Accepted {
            message: incoming.message,
            meeting: incoming.seed,
            seed: AnswerSeed(Secret::from_bytes([5; 32])),
            resume: None,
            place: Place::new(0).unwrap(),
            device: CallerDevice::Known,
        };
        let between = Between {
            secret: &self.secret,
            realm: &self.realm,
            own: self.own,
            peer: self.peer,
            message_bytes: 256,
        };
        let answering = Answering::new(accepted, self.now(), between).unwrap();
        Box::new(Answering {
            beside,
            ..answering
        })
    }

    fn own(&self, name: &str) -> Own {
        let (now, waiting) = (self.now(), |kind| Own::Waiting {
            kind,
            since: self.now(),
        });
        match name {
            "idle" => Own::Idle,
            "call waits" => waiting(CallKind::Call),
            "ring waits" => waiting(CallKind::Ring),
            "calling" => Own::Calling(self.outgoing(CallKind::Call, None)),
            "paused" => Own::Calling(self.outgoing(CallKind::Call, Some(now))),
            "ringing them" => Own::Calling(self.outgoing(CallKind::Ring, None)),
            _ => Own::Withdrawing {
                call: self.outgoing(CallKind::Call, None),
                since: now,
            },
        }
    }

    fn theirs(&self, name: &str) -> Theirs {
        match name {
            "idle" => Theirs::Idle,
            "rings" => Theirs::Ringing(Box::new(self.incoming(4))),
            "answering" => Theirs::Answering(self.answering(Beside::NoPair)),
            "answering, another rings" => {
                let mut answering = self.answering(Beside::NoPair);
                answering.newer = Some(self.incoming(6));
                Theirs::Answering(answering)
            }
            _ => Theirs::Answering(self.answering(Beside::OwnPair)),
        }
    }

    fn input(&self, name: &str) -> (Input, When) {
        let input = match name {
            "press Call" => Input::Press(CallKind::Call),
            "press Ring" => Input::Press(CallKind::Ring),
            "slot free" => Input::Begin(self.outgoing(CallKind::Call, None)),
            "cancel" => Input::Cancel,
            "their dial" => Input::Dialled(Box::new(self.incoming(4))),
            "their next call" => Input::Dialled(Box::new(self.incoming(6))),
            "taken back" => Input::TakenBack(self.incoming(4).seed),
            "accept" => Input::Answer(self.answering(Beside::NoPair)),
            "decline" => Input::Decline,
            "block" => Input::Block,
            "message 2 opens" => Input::Answered,
            "packet opens" => Input::Heard,
            "packet of own pair" => Input::HeardPair,
            "24 rounds pass" => return (Input::Tick, When::Later),
            _ => return (Input::Tick, When::Late),
        };
        (input, When::Now)
    }
}

#[derive(Clone, Copy)]
enum When {
    Now,
    Later,
    Late,
}

const OWN: [&str; 7] = [
    "idle",
    "call waits",
    "ring waits",
    "calling",
    "paused",
    "ringing them",
    "withdrawing",
];
const THEIRS: [&str; 5] = [
    "idle",
    "rings",
    "answering",
    "answering, another rings",
    "answering beside own pair",
];
const INPUTS: [&str; 15] = [
    "press Call",
    "press Ring",
    "slot free",
    "cancel",
    "their dial",
    "their next call",
    "taken back",
    "accept",
    "decline",
    "block",
    "message 2 opens",
    "packet opens",
    "packet of own pair",
    "24 rounds pass",
    "a year passes",
];

fn own_name(own: &Own) -> &'static str {
    match own {
        Own::Idle => "idle",
        Own::Waiting {
            kind: CallKind::Call,
            ..
        } => "call waits",
        Own::Waiting { .. } => "ring waits",
        Own::Calling(call) if call.payload.kind == CallKind::Ring => "ringing them",
        Own::Calling(call) if call.paused.is_some() => "paused",
        Own::Calling(_) => "calling",
        Own::Withdrawing { .. } => "withdrawing",
    }
}

fn theirs_name(theirs: &Theirs) -> &'static str {
    match theirs {
        Theirs::Idle => "idle",
        Theirs::Ringing(_) => "rings",
        Theirs::Answering(it) if it.beside == Beside::OwnPair => "answering beside own pair",
        Theirs::Answering(it) if it.newer.is_some() => "answering, another rings",
        Theirs::Answering(_) => "answering",
    }
}

fn step(sample: &Sample, own: &str, theirs: &str, input: &str) -> (String, String) {
    let calls = Calls {
        own: sample.own(own),
        theirs: sample.theirs(theirs),
    };
    let (input, when) = sample.input(input);
    let (calls, effects) = calls.step(input, sample.at(when));
    let effects: Vec<_> = effects.iter().map(|effect| format!("{effect:?}")).collect();
    let state = format!("{} / {}", own_name(&calls.own), theirs_name(&calls.theirs));
    (state, effects.join(", "))
}

fn table() -> String {
    let mut lines = vec![
        "| own call / their call | input | becomes | and |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let [smaller, greater] = [KeyOrder::OursIsSmaller, KeyOrder::OursIsGreater].map(Sample::new);
    for own in OWN {
        for theirs in THEIRS {
            let before = format!("{own} / {theirs}");
            for input in INPUTS {
                let here = step(&smaller, own, theirs, input);
                let there = step(&greater, own, theirs, input);
                for (whose, (after, effects)) in [("", &here), (" (greater key)", &there)] {
                    let same = whose.is_empty() || here != there;
                    if same && (*after != before || !effects.is_empty()) {
                        lines.push(format!(
                            "| {before} | {input}{whose} | {after} | {effects} |"
                        ));
                    }
                }
            }
        }
    }
    lines.join("\n") + "\n"
}

/// docs/client.md shows what the step does. To write it anew: `UPDATE_DOCS=1 cargo test -p
/// mcmix-shared the_documented_states`.
#[test]
fn the_documented_states_are_these() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/client.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let (text, _) = documented.split_once("| own call / their call |").unwrap();
    let expected = format!("{text}{}", table());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap();
    assert!(
        documented == expected,
        "docs/client.md is not what the code does"
    );
}

/// Whatever state two people are in, time alone or the person leads out of it.
#[test]
fn no_state_is_a_dead_end() {
    for order in [KeyOrder::OursIsSmaller, KeyOrder::OursIsGreater] {
        let sample = Sample::new(order);
        for own in OWN {
            for theirs in THEIRS {
                let mut calls = Calls {
                    own: sample.own(own),
                    theirs: sample.theirs(theirs),
                };
                // What waits for a slot is taken back by the person; all else ends by itself.
                if own.ends_with("waits") {
                    (calls, _) = calls.step(Input::Cancel, sample.at(When::Now));
                }
                (calls, _) = calls.step(Input::Tick, sample.at(When::Late));
                assert!(calls.is_idle(), "{own} / {theirs}");
            }
        }
    }
}

/// A forged call in the name of somebody whom one is calling doesn't end one's own call.
#[test]
fn their_call_never_ends_ours() {
    for order in [KeyOrder::OursIsSmaller, KeyOrder::OursIsGreater] {
        let sample = Sample::new(order);
        let calls = Calls {
            own: sample.own("calling"),
            theirs: Theirs::Idle,
        };
        let (calls, effects) = calls.step(
            Input::Dialled(Box::new(sample.incoming(4))),
            sample.at(When::Now),
        );
        assert_eq!(effects, [Effect::AnswerTheirs]);
        let answer = Input::Answer(sample.answering(Beside::NoPair));
        let (calls, _) = calls.step(answer, sample.at(When::Now));
        let (calls, _) = calls.step(Input::Tick, sample.at(When::Later));
        assert_eq!(own_name(&calls.own), "calling");
        assert_eq!(theirs_name(&calls.theirs), "answering");
    }
}
