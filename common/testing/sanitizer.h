// SPDX-License-Identifier: GPL-2.0-or-later
// Whether the tests run under the address sanitizer, which replaces some calls of the C library.
#pragma once

namespace crashdump::testing {

inline constexpr bool kIsAddressSanitized = __has_feature(address_sanitizer);

}  // namespace crashdump::testing
