//! `GET /posts/{id}/thread`: whole, and in parts by the cursor that clients page with.

use matterbot::playground::{Flavour, Options};
use serde_json::{Value, json};

use crate::support::faults::fault;
use crate::support::playground::{Person, Server};

fn id(post: &Value) -> String {
    post["id"].as_str().unwrap().to_owned()
}

/// A page of the thread of `post`: its order, and whether there is more.
async fn page(who: &Person, post: &str, query: &str) -> (Vec<String>, bool) {
    let page = who
        .get(&format!("/posts/{post}/thread?{query}"))
        .await
        .expect(200);
    let order = page["order"].as_array().unwrap().iter();
    let order = order.map(|id| id.as_str().unwrap().to_owned()).collect();
    (order, page["has_next"] == true)
}

#[tokio::test]
async fn posts_of_one_millisecond_are_paged_by_their_ids() {
    let server = Server::start().await;
    let (admin, pat) = (server.log_in("admin").await, server.log_in("pat").await);
    let channel = pat.channel("off-topic").await;
    // The root is older by more than a millisecond, which a fast machine would not see to.
    let root =
        json!({"channel_id": channel, "message": "root", "create_at": 1_700_000_000_000_i64});
    let root = admin.post("/posts", root).await.expect(201);
    let mut replies = vec![pat.reply(&root, "first").await];
    let scope = json!({"user": "pat"});
    let same = json!({"fault": {"kind": "same_instant"}, "scope": scope});
    fault(&server, &admin, same).await;
    for _ in 0..6 {
        replies.push(pat.reply(&root, "of the same instant").await);
    }
    replies.sort_by_key(id);
    let instant = &replies[0]["create_at"];
    assert!(replies.iter().all(|reply| reply["create_at"] == *instant));

    let (root, ids) = (id(&root), replies.iter().map(id).collect::<Vec<_>>());
    // The root counts in the first page, and stands in every one.
    let (first, more) = page(&pat, &root, "perPage=3&direction=down").await;
    assert_eq!((&first[1..], more), (&ids[..2], true));
    let after = |place: usize| {
        let last = &ids[place];
        format!("perPage=3&direction=down&fromPost={last}&fromCreateAt={instant}")
    };
    let (second, more) = page(&pat, &root, &after(1)).await;
    assert_eq!((&second[0], &second[1..], more), (&root, &ids[2..5], true));
    let (third, more) = page(&pat, &root, &after(4)).await;
    assert_eq!((&third[1..], more), (&ids[5..], false));
    // Without a post in particular the whole millisecond is left out.
    let (rest, _) = page(
        &pat,
        &root,
        &format!("direction=down&fromCreateAt={instant}"),
    )
    .await;
    assert_eq!((rest.len(), &rest[0]), (1, &root));

    let up = format!(
        "perPage=2&direction=up&fromPost={}&fromCreateAt={instant}",
        ids[4]
    );
    let (upwards, more) = page(&pat, &root, &up).await;
    let newest_first = [ids[3].clone(), ids[2].clone()];
    assert_eq!((&upwards[1..], more), (&newest_first[..], true));
}

#[tokio::test]
async fn the_post_that_was_asked_for_stands_first() {
    for flavour in [Flavour::V11_6, Flavour::V5_37] {
        let options = Options {
            flavour,
            ..Options::default()
        };
        let server = Server::start_with(options).await;
        let pat = server.log_in("pat").await;
        let root = pat.say(&pat.channel("off-topic").await, "root").await;
        for number in 0..3 {
            pat.reply(&root, &number.to_string()).await;
        }
        let last = id(&pat.reply(&root, "last").await);
        let (order, more) = page(&pat, &last, "perPage=2&direction=down").await;
        assert_eq!((&order[0], order.contains(&id(&root))), (&last, true));
        match flavour {
            Flavour::V11_6 => assert_eq!((order.len(), more), (3, true)),
            // It knows no pages.
            Flavour::V5_37 => assert_eq!((order.len(), more), (6, false)),
        }
    }
}

#[tokio::test]
async fn a_cursor_that_makes_no_sense_is_refused() {
    let server = Server::start().await;
    let pat = server.log_in("pat").await;
    let root = id(&pat.say(&pat.channel("off-topic").await, "root").await);
    for query in [
        "perPage=201",
        "perPage=many",
        "fromCreateAt=now",
        &format!("fromPost={root}"),
        "direction=sideways",
    ] {
        let refused = pat.get(&format!("/posts/{root}/thread?{query}")).await;
        assert_eq!(refused.error(), "api.context.invalid_body_param.app_error");
        refused.expect(400);
    }
}
