; The parts of one kernel's phase, shared out among threads: whoever comes next takes the next part.
;
; A job is an array of words (i64), those that threads contend for 128 bytes apart:
;    0  generation: how many jobs were begun
;   16  the next part
;   32  threads inside, plus CLOSED (2^32) while nobody may come in
;   48  the part's function   49  what it works on   50  where parts begin, one more than there are   51  parts
;   64  1 while the first member sleeps, 80 the second, and so on
;
; Members come and go by themselves. The owner of the job opens it, works, closes it, and waits until nobody is inside;
; only then it may write words 48 to 51.

define internal void @take_parts(ptr %job) nounwind {
entry:
  %next = getelementptr i64, ptr %job, i64 16
  %function.at = getelementptr i64, ptr %job, i64 48
  %work.at = getelementptr i64, ptr %job, i64 49
  %places.at = getelementptr i64, ptr %job, i64 50
  %parts.at = getelementptr i64, ptr %job, i64 51
  %function = load ptr, ptr %function.at
  %work = load ptr, ptr %work.at
  %places = load ptr, ptr %places.at
  %parts = load i64, ptr %parts.at
  br label %ask

ask:
  %part = atomicrmw add ptr %next, i64 1 seq_cst
  %left = icmp slt i64 %part, %parts
  br i1 %left, label %do, label %done

do:
  %low.at = getelementptr i64, ptr %places, i64 %part
  %high.at = getelementptr i64, ptr %low.at, i64 1
  %low = load i64, ptr %low.at
  %high = load i64, ptr %high.at
  call void %function(ptr %work, i64 %low, i64 %high)
  br label %ask

done:
  ret void
}

; A member: come in unless the job is closed, take parts, leave.
define internal void @help(ptr %job) nounwind {
entry:
  %inside = getelementptr i64, ptr %job, i64 32
  %before = atomicrmw add ptr %inside, i64 1 seq_cst
  %open = icmp slt i64 %before, 4294967296
  br i1 %open, label %work, label %leave

work:
  call void @take_parts(ptr %job)
  br label %leave

leave:
  %ignored = atomicrmw sub ptr %inside, i64 1 seq_cst
  ret void
}

; A member: wait for a job after generation `seen`, help with it, and return its generation. Who waits for `spins` turns
; says in `asleep` that it sleeps, and returns `seen`: then it is to wait until the owner wakes it.
define i64 @attend(ptr %job, ptr %asleep, i64 %seen, i64 %spins) nounwind {
entry:
  br label %look

look:
  %turn = phi i64 [ 0, %entry ], [ %turn.next, %again ]
  %now = load atomic i64, ptr %job acquire, align 8
  %begun = icmp ne i64 %now, %seen
  br i1 %begun, label %found, label %idle

idle:
  %turn.next = add i64 %turn, 1
  %tired = icmp sge i64 %turn.next, %spins
  br i1 %tired, label %sleep, label %again

again:
  call void @pause()
  br label %look

sleep:
  %ignored = atomicrmw xchg ptr %asleep, i64 1 seq_cst
  %late = load atomic i64, ptr %job seq_cst, align 8
  %missed = icmp ne i64 %late, %seen
  br i1 %missed, label %rise, label %gone

rise:
  ; A job was begun meanwhile. Where the owner has seen the mark, it wakes this member, who has to be asleep for that.
  %mark = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %unseen = icmp eq i64 %mark, 1
  br i1 %unseen, label %found, label %gone

found:
  %generation = phi i64 [ %now, %look ], [ %late, %rise ]
  call void @help(ptr %job)
  ret i64 %generation

gone:
  ret i64 %seen
}

; The owner: open the job, and say in `woken`, a byte each, which of the first `members` are asleep and to be woken.
; Returns how many.
define i64 @begin(ptr %job, i64 %members, ptr %woken) nounwind {
entry:
  %next = getelementptr i64, ptr %job, i64 16
  %inside = getelementptr i64, ptr %job, i64 32
  store atomic i64 0, ptr %next seq_cst, align 8
  %closed = atomicrmw sub ptr %inside, i64 4294967296 seq_cst
  %generation = atomicrmw add ptr %job, i64 1 seq_cst
  br label %each

each:
  %member = phi i64 [ 0, %entry ], [ %member.next, %one ]
  %count = phi i64 [ 0, %entry ], [ %count.next, %one ]
  %more = icmp slt i64 %member, %members
  br i1 %more, label %one, label %done

one:
  %shift = mul i64 %member, 16
  %word = add i64 %shift, 64
  %asleep = getelementptr i64, ptr %job, i64 %word
  %mark = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %byte = trunc i64 %mark to i8
  %woken.at = getelementptr i8, ptr %woken, i64 %member
  store i8 %byte, ptr %woken.at
  %count.next = add i64 %count, %mark
  %member.next = add i64 %member, 1
  br label %each

done:
  ret i64 %count
}

; The owner: take parts, close the job, and wait for those inside; after `spins` turns with naps of 50 microseconds.
; Nothing if the job was not opened.
define void @finish(ptr %job, i64 %spins) nounwind {
entry:
  %inside = getelementptr i64, ptr %job, i64 32
  %state = load atomic i64, ptr %inside seq_cst, align 8
  %opened = icmp slt i64 %state, 4294967296
  br i1 %opened, label %work, label %done

work:
  call void @take_parts(ptr %job)
  %open = atomicrmw add ptr %inside, i64 4294967296 seq_cst
  br label %look

look:
  %turn = phi i64 [ 0, %work ], [ %turn.next, %again ], [ %turn.next, %nap ]
  %now = load atomic i64, ptr %inside seq_cst, align 8
  %alone = icmp eq i64 %now, 4294967296
  br i1 %alone, label %done, label %wait

wait:
  %turn.next = add i64 %turn, 1
  %tired = icmp sge i64 %turn.next, %spins
  br i1 %tired, label %nap, label %again

nap:
  %ignored = call i32 @usleep(i32 50)
  br label %look

again:
  call void @pause()
  br label %look

done:
  ret void
}

; So many turns of waiting, to learn how long they take.
define void @turns(ptr %word, i64 %count) nounwind {
entry:
  br label %look

look:
  %turn = phi i64 [ 0, %entry ], [ %turn.next, %again ]
  %now = load atomic i64, ptr %word acquire, align 8
  %done = icmp sge i64 %turn, %count
  br i1 %done, label %over, label %again

again:
  call void @pause()
  %turn.next = add i64 %turn, 1
  br label %look

over:
  ret void
}

declare i32 @usleep(i32)
