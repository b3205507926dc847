// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/busy.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "common/base/unique_fd.h"
#include "common/testing/temp_directory.h"

namespace crashdump {
namespace {

using std::chrono::milliseconds;

// Fails so often, then works.
class Attempts {
 public:
  explicit Attempts(int os_error, unsigned failures) : os_error_(os_error), failures_(failures) {}
  Result<unsigned> operator()() {
    if (++made_ <= failures_) return Error::Os(os_error_, "attempt %u", made_);
    return made_;
  }

 private:
  int os_error_;
  unsigned failures_, made_ = 0;
};

TEST(RetryWhileBusy, GoesOnUntilItWorks) {
  EXPECT_EQ(RetryWhileBusy(milliseconds(60'000), Attempts(EBUSY, 2)).TakeValue(), 3U);
  EXPECT_EQ(RetryWhileBusy(milliseconds(60'000), Attempts(EINTR, 1)).TakeValue(), 2U);
  EXPECT_EQ(RetryWhileBusy(milliseconds(0), Attempts(EBUSY, 0)).TakeValue(), 1U);
}

TEST(RetryWhileBusy, OtherFailuresAreOnesAtOnce) {
  const Result<unsigned> result = RetryWhileBusy(milliseconds(60'000), Attempts(EPERM, 1));
  ASSERT_FALSE(result.ok());
  EXPECT_STREQ(result.error().text(), "attempt 1: Operation not permitted");
}

TEST(RetryWhileBusy, EndsAtTheLimit) {
  const Result<unsigned> result = RetryWhileBusy(milliseconds(150), Attempts(EBUSY, 1'000'000));
  ASSERT_FALSE(result.ok());
  EXPECT_TRUE(IsBusy(result.error()));
  EXPECT_STRNE(result.error().text(), "attempt 1: Device or resource busy");
}

TEST(LockFile, IsTakenOnce) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/lock";
  const UniqueFd first(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const UniqueFd second(open(path.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(LockFile(first.get(), milliseconds(0)).ok());
  const Result<> taken = LockFile(second.get(), milliseconds(0));
  ASSERT_FALSE(taken.ok());
  EXPECT_TRUE(IsBusy(taken.error()));
  const Result<> nothing = LockFile(-1, milliseconds(60'000));
  ASSERT_FALSE(nothing.ok());
  EXPECT_STREQ(nothing.error().text(), "flock: Bad file descriptor");
}

}  // namespace
}  // namespace crashdump
