// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/storage/uuid.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

TEST(Uuid, RoundTripsInLowerCase) {
  const Result<Uuid> uuid = ParseUuid("2B6F0CC9-04d4-4a5b-8f6e-0123456789AB");
  ASSERT_TRUE(uuid.ok());
  EXPECT_EQ(uuid.value()[0], 0x2b);
  EXPECT_EQ(uuid.value()[15], 0xab);
  EXPECT_EQ(FormatUuid(uuid.value()), "2b6f0cc9-04d4-4a5b-8f6e-0123456789ab");
}

TEST(Uuid, RefusesEverythingElse) {
  for (const char* text : {"", "2b6f0cc904d44a5b8f6e0123456789ab", "2b6f0cc9-04d4-4a5b-8f6e-0123456789a",
                           "2b6f0cc9-04d4-4a5b-8f6e-0123456789abc", "2b6f0cc9-04d4-4a5b-8f6e_0123456789ab",
                           "2b6f0cc9-04d4-4a5b-8f6e-0123456789ag", "2b6f0cc-904d4-4a5b-8f6e-0123456789ab"}) {
    EXPECT_FALSE(ParseUuid(text).ok()) << text;
  }
}

}  // namespace
}  // namespace crashdump
