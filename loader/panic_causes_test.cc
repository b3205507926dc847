// SPDX-License-Identifier: GPL-2.0-or-later
// PANIC_ON=: names, what is set, and that what was there before comes back.
#include "loader/panic_causes.h"

#include <gtest/gtest.h>

#include "common/testing/fake_state_directory.h"
#include "common/testing/temp_directory.h"
#include "loader/fake_machine.h"

namespace crashdump {
namespace {

class PanicCausesTest : public testing::Test {
 protected:
  PanicCausesTest() {
    for (const char* const name : {"hardlockup_panic", "softlockup_panic", "hung_task_panic", "unknown_nmi_panic"}) {
      Set(name, "0\n");
    }
  }

  static std::string Path(const std::string& name) { return "/proc/sys/kernel/" + name; }
  void Set(const std::string& name, const std::string& value) { machine_.Write(Path(name), value); }
  std::string Value(const std::string& name) { return machine_.ReadText(Path(name).c_str()).value().substr(0, 1); }

  TempDirectory root_;
  FakeMachine machine_{root_.path()};
  FakeStateDirectory run_;
};

TEST(PanicCauses, AreNamed) {
  EXPECT_EQ(ParsePanicCauses("hardlockup").value(), (std::vector{PanicCause::kHardLockup}));
  EXPECT_EQ(ParsePanicCauses("nmi, hung_task  softlockup nmi").value(),
            (std::vector{PanicCause::kNmi, PanicCause::kHungTask, PanicCause::kSoftLockup}));
  EXPECT_TRUE(ParsePanicCauses("none").value().empty());
  for (const char* const wrong : {"oops", "none nmi", "softlockups"}) {
    const auto causes = ParsePanicCauses(wrong);
    ASSERT_FALSE(causes.ok()) << wrong;
    EXPECT_NE(std::string(causes.error().text()).find("hardlockup, softlockup, hung_task, nmi"), std::string::npos);
  }
}

TEST_F(PanicCausesTest, AreSetAndSetBack) {
  EXPECT_TRUE(SetPanicCauses(machine_, run_, {PanicCause::kSoftLockup, PanicCause::kNmi}).empty());
  EXPECT_EQ(Value("softlockup_panic"), "1");
  EXPECT_EQ(Value("unknown_nmi_panic"), "1");
  EXPECT_EQ(Value("hung_task_panic"), "0");
  EXPECT_TRUE(SetPanicCauses(machine_, run_, {PanicCause::kNmi, PanicCause::kHungTask}).empty());
  EXPECT_EQ(Value("softlockup_panic"), "0") << "not wanted any more";
  EXPECT_EQ(Value("unknown_nmi_panic"), "1");
  EXPECT_EQ(Value("hung_task_panic"), "1");
  EXPECT_TRUE(ClearPanicCauses(machine_, run_).empty());
  EXPECT_EQ(Value("unknown_nmi_panic"), "0");
  EXPECT_EQ(Value("hung_task_panic"), "0");
  EXPECT_TRUE(run_.files().empty());
}

TEST_F(PanicCausesTest, WhatTheAdministratorHasSetStays) {
  Set("softlockup_panic", "1\n");
  EXPECT_TRUE(SetPanicCauses(machine_, run_, {PanicCause::kSoftLockup}).empty());
  EXPECT_TRUE(ClearPanicCauses(machine_, run_).empty());
  EXPECT_EQ(Value("softlockup_panic"), "1");
}

TEST_F(PanicCausesTest, NothingIsSetWithoutARecordOfWhatWasThere) {
  run_.FailAt(FakeStateDirectory::Kind::kReplace, 0);
  const std::vector<std::string> notes = SetPanicCauses(machine_, run_, {PanicCause::kHungTask});
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(notes[0].starts_with("PANIC_ON: ")) << notes[0];
  EXPECT_EQ(Value("hung_task_panic"), "0");
}

TEST_F(PanicCausesTest, OneThatCannotBeSetBackDoesNotKeepTheOthers) {
  EXPECT_TRUE(SetPanicCauses(machine_, run_, {PanicCause::kSoftLockup, PanicCause::kHungTask}).empty());
  ASSERT_EQ(unlink(machine_.Path(Path("softlockup_panic")).c_str()), 0);
  const std::vector<std::string> notes = ClearPanicCauses(machine_, run_);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(notes[0].starts_with("PANIC_ON: kernel.softlockup_panic: ")) << notes[0];
  EXPECT_EQ(Value("hung_task_panic"), "0");
}

TEST_F(PanicCausesTest, OfAKernelThatDoesNotKnowThem) {
  ASSERT_EQ(unlink(machine_.Path(Path("hardlockup_panic")).c_str()), 0);
  EXPECT_TRUE(SetPanicCauses(machine_, run_, {PanicCause::kHardLockup, PanicCause::kHungTask}).empty());
  EXPECT_EQ(UnnoticedCauses(machine_, {PanicCause::kHardLockup, PanicCause::kHungTask}),
            (std::vector<std::string>{"PANIC_ON: this kernel does not notice hardlockup"}));
  Set("hung_task_timeout_secs", "0\n");
  EXPECT_EQ(
      UnnoticedCauses(machine_, {PanicCause::kHungTask}),
      (std::vector<std::string>{"PANIC_ON: hung_task is not noticed: the sysctl kernel.hung_task_timeout_secs is 0"}));
  EXPECT_EQ(Value("hung_task_panic"), "1");
}

}  // namespace
}  // namespace crashdump
