//! What every queue must hold. A queue that is registered is tested here; nothing is to be added for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_for_each)]

mod claims;
mod tools;
mod walk;

use fanin::queue::{Facts, Kind, Queue, Visitor};

/// Sizes that reach every carrier: a byte, both inline forms, the array, the box; and messages of any size.
const SIZES: [Option<usize>; 6] = [Some(1), Some(8), Some(24), Some(64), Some(100), None];

/// A claim about any queue.
trait Claim: Copy {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>);
}

struct With<C>(C, &'static Facts, Option<usize>);

impl<C: Claim> Visitor for With<C> {
    type Output = ();

    fn visit<Q: Queue>(self) {
        self.0.hold::<Q>(self.1, self.2);
    }
}

/// Every queue that says it is sound: what the others lose is for the lab to find.
fn for_every_queue(claim: impl Claim) {
    for &kind in Kind::ALL.iter().filter(|kind| kind.facts().sound) {
        for size in SIZES {
            println!("{} with messages of {size:?} bytes", kind.facts().name);
            kind.visit(size, With(claim, kind.facts(), size));
        }
    }
}

macro_rules! claims {
    ($($(#[$about:meta])* $test:ident is $claim:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            pub(crate) struct $claim;
            $(#[$about])*
            #[test]
            fn $test() {
                for_every_queue($claim);
            }
        )*
    };
}

claims! {
    /// A consumer that waits for nobody is told.
    the_end_is_told_when_the_last_sender_goes is EndIsTold;
    /// What was taken before the end is drained.
    what_was_sent_outlives_its_sender is OutlivesSender;
    /// No message is taken after a close, and none that was taken is lost by it.
    closing_while_empty_refuses_at_once is ClosesEmpty;
    closing_while_full_keeps_what_was_taken is ClosesFull;
    a_dropped_receiver_refuses_senders is DroppedReceiver;
    an_empty_message_leaves_no_trace is EmptyMessage;
    empty_messages_use_up_no_room is EmptyRoom;
    a_message_of_another_size_is_taken_whole_or_not_at_all is OtherSize;
    a_message_beyond_the_capacity_is_refused_at_once is TooLarge;
    a_cancelled_send_takes_nothing_and_lets_the_next_one_in is Cancelled;
    a_batch_can_be_written_in_any_steps is AnySteps;
    the_consumer_sleeps_until_it_is_woken is Sleeps;
    one_thread_delivers_in_order is OneThread;
    many_threads_deliver_in_order is ManyThreads;
    many_waiting_threads_are_all_served is WaitingThreads;
    many_waiting_tasks_are_all_served is WaitingTasks;
    a_panicking_producer_takes_nobody_along is PanickingProducer;
    thousands_of_producers_deliver is Thousands;
}
