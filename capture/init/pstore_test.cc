// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/pstore.h"

#include <gtest/gtest.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

class PstoreTest : public SignalTest {
 protected:
  PstoreTest() {
    directory_.Write("backend", "efi\n");
    directory_.Write("always", "N\n");
    directory_.Write("limit", "ratelimit\n");
  }

  Result<> Keep(const std::string& commands) {
    const std::string script = directory_.MakeScript("capture", commands);
    const std::string backend = directory_.Path("backend");
    const std::string always = directory_.Path("always");
    const std::string limit = directory_.Path("limit");
    return KeepMessagesInPstore(
        init_, script.c_str(), {.backend = backend.c_str(), .always_dump = always.c_str(), .log_limit = limit.c_str()});
  }
  // What the kernel would have been told; a file keeps what stood behind it.
  bool KeepsAlways() const { return directory_.Read("always").front() == 'Y'; }

  ScratchDirectory directory_;
  InitContext init_;
};

TEST_F(PstoreTest, ReplaysTheMessagesWithoutALimitAndHasTheKernelKeepThem) {
  // The limit is gone when they are replayed; the kernel keeps its log from there on only.
  const Result<> kept = Keep("[ \"$*\" = --replay-messages ] && grep -q ^on " + directory_.Path("limit") +
                             " && grep -q ^N " + directory_.Path("always"));
  EXPECT_TRUE(kept.ok()) << kept.error().text();
  EXPECT_TRUE(KeepsAlways());
}

TEST_F(PstoreTest, NothingIsKeptIfThereIsNothingToKeep) {
  EXPECT_FALSE(Keep("exit 1").ok());
  EXPECT_FALSE(KeepsAlways());
  EXPECT_FALSE(Keep("kill -KILL $$").ok());
  EXPECT_FALSE(KeepsAlways());
}

TEST_F(PstoreTest, WithoutSuchAMemoryItSaysSo) {
  for (const char* none : {"(null)\n", "\n"}) {
    directory_.Write("backend", none);
    const Result<> kept = Keep("touch " + directory_.Path("ran"));
    ASSERT_FALSE(kept.ok());
    EXPECT_EQ(kept.error().code(), ErrorCode::kNotFound);
  }
  EXPECT_EQ(unlink(directory_.Path("backend").c_str()), 0);
  EXPECT_FALSE(Keep("touch " + directory_.Path("ran")).ok());
  EXPECT_NE(access(directory_.Path("ran").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace crashdump
