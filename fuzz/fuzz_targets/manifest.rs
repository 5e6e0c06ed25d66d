//! A deployment's manifest, as a page loads it: what is read is written so that the same is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcmix_fuzz::bounded;
use mcmix_shared::manifest::Deployment;
use mcmix_shared::program::Program;

fuzz_target!(|json: &str| {
    let read = bounded(json.as_bytes(), 32, || Deployment::from_json(json));
    if let Ok(deployment) = read {
        let again = Deployment::from_json(&deployment.to_json()).expect("written by us");
        assert_eq!(again, deployment);
        assert_eq!(again.digest(), deployment.digest());
        assert!(deployment.shape().submission_bytes(Program::Conversation) <= 65_000);
    }
});
