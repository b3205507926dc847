// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/base/aligned_memory.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "common/base/bytes.h"
#include "common/base/units.h"

namespace crashdump {
namespace {

TEST(AlignedMemoryTest, GivesAlignedZerosOrAnError) {
  const Result<AlignedMemory> memory = AllocateAligned(5000);
  ASSERT_TRUE(memory.ok());
  EXPECT_TRUE(IsAligned(reinterpret_cast<uintptr_t>(memory.value().get()), kDiskUnit));
  EXPECT_TRUE(AllZero(Bytes(memory.value().get(), 8192)));
  const Result<AlignedMemory> too_much = AllocateAligned(~uint64_t{0});
  ASSERT_FALSE(too_much.ok());
  // The C libraries word the reason differently.
  EXPECT_EQ(too_much.error().text(), std::string("18446744073709551615 bytes of memory: ") + strerror(ENOMEM));
}

}  // namespace
}  // namespace crashdump
