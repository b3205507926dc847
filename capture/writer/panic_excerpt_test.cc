// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/panic_excerpt.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

using Trace = std::vector<std::string>;

constexpr std::string_view kSysrq = R"([   10.100000] systemd[1]: Started a service: 5
[   12.345678] sysrq: Trigger a crash
[   12.345679] Kernel panic - not syncing: sysrq triggered crash
[   12.345680] CPU: 2 PID: 412 Comm: sh Not tainted 6.1.0-50-amd64 #1  Debian 6.1.176-1
[   12.345681] Hardware name: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014
[   12.345682] Call Trace:
[   12.345683]  <TASK>
[   12.345684]  dump_stack_lvl+0x44/0x5c
[   12.345685]  ? srso_alias_return_thunk+0x5/0x7f
[   12.345686]  panic+0x118/0x2ed
[   12.345687]  sysrq_handle_crash+0x16/0x20
[   12.345688]  do_syscall_64+0x55/0xb0 [module]
[   12.345689] RIP: 0033:0x7f3c61b0a8c0
[   12.345690] Code: 40 00 48 8b
[   12.345691]  not_of_the_trace+0x0/0x1
[   12.345692] Kernel Offset: disabled
)";

TEST(PanicExcerpt, APanicShowsItsOwnTrace) {
  const PanicExcerpt excerpt = FindPanicExcerpt(kSysrq);
  EXPECT_EQ(excerpt.panic, "Kernel panic - not syncing: sysrq triggered crash");
  EXPECT_EQ(excerpt.cause, "");
  EXPECT_EQ(excerpt.process, "CPU: 2 PID: 412 Comm: sh");
  EXPECT_EQ(excerpt.machine, "QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.2-debian-1.16.2-1 04/01/2014");
  EXPECT_EQ(excerpt.trace, (Trace{"sysrq_handle_crash+0x16/0x20", "do_syscall_64+0x55/0xb0 [module]"}));
}

TEST(PanicExcerpt, AnOopsHasShownTheTraceBefore) {
  const PanicExcerpt excerpt = FindPanicExcerpt(R"([    5.000000] BUG: kernel NULL pointer dereference, address: 8
[    5.000001] Call Trace:
[    5.000002]  another_one+0x1/0x2
[    5.000003] ---[ end trace 0000000000000000 ]---
[    9.000000] BUG: unable to handle page fault for address: ffffdead00000000
[    9.000001] #PF: supervisor write access in kernel mode
[    9.000002] Oops: 0002 [#2] PREEMPT SMP NOPTI
[    9.000003] CPU: 1 PID: 77 Comm: insmod Tainted: G      D
[    9.000004] RIP: 0010:break_it+0x10/0x20 [broken]
[    9.000005] Call Trace:
[    9.000006]  <IRQ>
[    9.000007]  do_one_initcall+0x59/0x220
[    9.000008] Modules linked in: broken(O+)
[    9.000009] ---[ end trace 0000000000000000 ]---
[    9.000010] RIP: 0010:break_it+0x10/0x20 [broken]
[    9.000011] Kernel panic - not syncing: Fatal exception
[    9.000012] Kernel Offset: disabled
)");
  EXPECT_EQ(excerpt.panic, "Kernel panic - not syncing: Fatal exception");
  EXPECT_EQ(excerpt.cause, "BUG: unable to handle page fault for address: ffffdead00000000");
  EXPECT_EQ(excerpt.process, "CPU: 1 PID: 77 Comm: insmod");
  EXPECT_EQ(excerpt.trace, (Trace{"break_it+0x10/0x20 [broken]", "do_one_initcall+0x59/0x220"}));
}

TEST(PanicExcerpt, AFaultMayBeAllThatThereIs) {
  const PanicExcerpt excerpt =
      FindPanicExcerpt(R"([    9.000000] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    9.000001] #PF: supervisor write access in kernel mode
[    9.000002] Oops: 0002 [#1] PREEMPT SMP NOPTI
[    9.000003] CPU: 1 PID: 77 Comm: insmod Kdump: loaded Not tainted 6.1.0
[    9.000004] Hardware name: PC
[    9.000005] RIP: 0010:break_it+0x10/0x20 [broken]
[    9.000006] Code: Unable to access opcode bytes
[    9.000007] Call Trace:
[    9.000008]  <TASK>
[    9.000009]  do_one_initcall+0x59/0x220
[    9.000010]  </TASK>
[    9.000011] Modules linked in: broken(O+)
[    9.000012] CR2: 0000000000000000
)");
  EXPECT_EQ(excerpt.panic, "BUG: kernel NULL pointer dereference, address: 0000000000000000");
  EXPECT_EQ(excerpt.cause, "");
  EXPECT_EQ(excerpt.process, "CPU: 1 PID: 77 Comm: insmod");
  EXPECT_EQ(excerpt.machine, "PC");
  EXPECT_EQ(excerpt.trace, (Trace{"break_it+0x10/0x20 [broken]", "do_one_initcall+0x59/0x220"}));
}

TEST(PanicExcerpt, TheTraceOfAnInterruptGoesOnInWhatItInterrupted) {
  const PanicExcerpt excerpt =
      FindPanicExcerpt(R"([   40.0] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [insmod:77]
[   40.1] Kernel panic - not syncing: softlockup: hung tasks
[   40.2] CPU: 1 PID: 77 Comm: insmod Tainted: G             L     6.1.0
[   40.3] Call Trace:
[   40.4]  <IRQ>
[   40.5]  dump_stack_lvl+0x44/0x5c
[   40.6]  panic+0x118/0x2ed
[   40.7]  watchdog_timer_fn.cold+0xc/0x16
[   40.8]  </IRQ>
[   40.9]  <TASK>
[   41.0] RIP: 0010:spin_for_ever+0x5/0x10 [broken]
[   41.1] Code: 40 00 48 8b
[   41.2] RSP: 0018:ffffb0e2c0187d50 EFLAGS: 00000246
[   41.3] RAX: 0000000000000000 RBX: ffffffffc0a00000 RCX: 0000000000000000
[   41.4]  do_one_initcall+0x59/0x220
[   41.5] RIP: 0033:0x7f3c61b0a8c0
)");
  EXPECT_EQ(excerpt.panic, "Kernel panic - not syncing: softlockup: hung tasks");
  EXPECT_EQ(excerpt.cause, "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [insmod:77]");
  EXPECT_EQ(excerpt.trace, (Trace{"watchdog_timer_fn.cold+0xc/0x16", "spin_for_ever+0x5/0x10 [broken]",
                                  "do_one_initcall+0x59/0x220"}));
}

TEST(PanicExcerpt, AnOldFaultIsNotTheCause) {
  const PanicExcerpt excerpt = FindPanicExcerpt(R"([  100.0] BUG: kernel NULL pointer dereference, address: 0
[  100.1] CPU: 1 PID: 77 Comm: insmod Not tainted
[  100.2] Call Trace:
[  100.3]  do_one_initcall+0x59/0x220
[  100.4] ---[ end trace 0000000000000000 ]---
[ 5000.0] sysrq: Trigger a crash
[ 5000.1] Kernel panic - not syncing: sysrq triggered crash
)");
  EXPECT_EQ(excerpt.panic, "Kernel panic - not syncing: sysrq triggered crash");
  EXPECT_EQ(excerpt.cause + excerpt.process, "");
  EXPECT_TRUE(excerpt.trace.empty());
}

TEST(PanicExcerpt, AnotherProcessorsTraceBehindThePanicIsNotItsOwn) {
  std::string log = "[ 9.0] Kernel panic - not syncing: Fatal exception\n";
  for (int i = 0; i < 20; ++i) log += "[ 9.1] memory information\n";
  log += "[ 9.2] CPU: 3 PID: 0 Comm: swapper/3\n[ 9.3] Call Trace:\n[ 9.4]  default_idle+0x1/0x2\n";
  const PanicExcerpt excerpt = FindPanicExcerpt(log);
  EXPECT_EQ(excerpt.process, "");
  EXPECT_TRUE(excerpt.trace.empty());
}

TEST(PanicExcerpt, OtherMachines) {
  const PanicExcerpt powerpc = FindPanicExcerpt(R"([   21.0] BUG: Kernel NULL pointer dereference on write at 0x0
[   21.1] NIP [c0000000008f1f24] sysrq_handle_crash+0x24/0x30
[   21.2] LR [c0000000008f2c34] __handle_sysrq+0x124/0x2d0
[   21.3] Call Trace:
[   21.4] [c000000007b0bb90] [c0000000008f2c1c] __handle_sysrq+0x10c/0x2d0 (unreliable)
[   21.5] [c000000007b0bc30] [c0000000008f3480] write_sysrq_trigger+0xf0/0x1c0
[   21.6] --- interrupt: c00 at 0x7fff8a5f
[   21.7] Kernel panic - not syncing: Fatal exception
)");
  EXPECT_EQ(powerpc.trace, (Trace{"sysrq_handle_crash+0x24/0x30", "__handle_sysrq+0x10c/0x2d0 (unreliable)",
                                  "write_sysrq_trigger+0xf0/0x1c0"}));
  const PanicExcerpt i386 = FindPanicExcerpt(R"(<1>[   21.0] BUG: kernel NULL pointer dereference, address: 00000000
<4>[   21.1] EIP: sysrq_handle_crash+0xd/0x20
<4>[   21.2] Call Trace:
<4>[   21.3]  __handle_sysrq.cold+0x2a/0xf2
<0>[   21.4] Kernel panic - not syncing: Fatal exception
)");
  EXPECT_EQ(i386.cause, "BUG: kernel NULL pointer dereference, address: 00000000");
  EXPECT_EQ(i386.trace, (Trace{"sysrq_handle_crash+0xd/0x20", "__handle_sysrq.cold+0x2a/0xf2"}));
}

TEST(PanicExcerpt, WordsInTheMiddleOfALineAreSomebodyElses) {
  const std::string log = std::string(kSysrq) +
                          "[   13.0] mallory: Kernel panic - not syncing: a lie\n"
                          "[   13.1] mallory: Hardware name: a lie\n";
  EXPECT_EQ(FindPanicExcerpt(log).panic, "Kernel panic - not syncing: sysrq triggered crash");
  EXPECT_TRUE(FindPanicExcerpt(log).machine.starts_with("QEMU"));
}

TEST(PanicExcerpt, WhatIsNotThereIsEmpty) {
  for (const std::string_view log :
       {"", "\n", "\n\n", "[", "[    1.0]", "[    1.0] \n", "Call Trace:", "<6>[ 1.0] booted\n"}) {
    const PanicExcerpt excerpt = FindPanicExcerpt(log);
    EXPECT_EQ(excerpt.panic + excerpt.cause + excerpt.process + excerpt.machine, "") << log;
    EXPECT_TRUE(excerpt.trace.empty());
  }
  const PanicExcerpt bare = FindPanicExcerpt("Kernel panic - not syncing");
  EXPECT_EQ(bare.panic, "Kernel panic - not syncing");
  EXPECT_TRUE(bare.trace.empty());
}

TEST(PanicExcerpt, IsBounded) {
  std::string log = "Kernel panic - not syncing: deep\nCall Trace:\n";
  for (int i = 0; i < 1000; ++i) log += " recursion+0x1/0x2\n";
  EXPECT_EQ(FindPanicExcerpt(log).trace.size(), kMostTraceEntries);
  // Each of these is looked at, none begins a line. A look at the whole line for each would take hours.
  std::string lies;
  for (int i = 0; i < 20'000; ++i) lies += "x Kernel panic - not syncing Hardware name: ";
  EXPECT_EQ(FindPanicExcerpt(lies).panic, "");
}

}  // namespace
}  // namespace crashdump
