// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/class_table.h"

#include <gtest/gtest.h>

namespace crashdump {
namespace {

TEST(ClassTable, SharesAreBarsAndEveryClassThatHasPagesHasOne) {
  const TextRecord summary =
      TextRecord::Parse("kept_kernel=250\nkept_user=1\nleft_out_free=749\nthreads=2\n").TakeValue();
  EXPECT_EQ(ClassTable(ClassCounts::FromSummary(summary), 4096),
            "  kernel                250   1000 KiB  kept      ##########\n"
            "  user                    1    4.0 KiB  kept      #\n"
            "  free                  749    2.9 MiB  left out  ..............................\n");
}

TEST(ClassTable, NothingFromASummaryWithoutClasses) {
  const TextRecord summary = TextRecord::Parse("threads=2\nkept_nonsense=5\nkept_kernel=x\n").TakeValue();
  EXPECT_EQ(ClassTable(ClassCounts::FromSummary(summary), 4096), "");
}

TEST(ClassTable, CountsThatCannotBeAreShownAllTheSame) {
  const TextRecord summary = TextRecord::Parse("kept_kernel=18446744073709551615\n").TakeValue();
  EXPECT_NE(ClassTable(ClassCounts::FromSummary(summary), 65536).find("18446744073709551615"), std::string::npos);
}

}  // namespace
}  // namespace crashdump
