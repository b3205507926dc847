// SPDX-License-Identifier: GPL-2.0-or-later
// Arming the machine before its root file system is mounted, so that early panics are saved, too. The keys of such a
// boot can be written to no disk then. So a place in the region is kept for them, and the initramfs of the system
// carries a ticket for it: the authentication key, and a public key to which the boot's encryption key is sealed. The
// private half stays in the key record below /var/lib/crashdump, and recover opens with it what is in the dump's
// header.
//
// A ticket serves for one dump: what has been written to its place is never written again.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/state_directory.h"
#include "common/format/dump_format.h"
#include "loader/configuration.h"
#include "loader/machine.h"
#include "loader/state.h"

namespace crashdump {

// Names of what WriteTicket() leaves in its directory; all are for root only.
inline constexpr const char* kTicketName = "ticket";
inline constexpr const char* kTicketTargetName = "target";
inline constexpr const char* kTicketKernelName = "kernel";
inline constexpr const char* kTicketInitramfsName = "initramfs";

struct TicketReport {
  std::string device;  // the kernel's name, for people
  DumpId key_id{};
  uint64_t room = 0;       // bytes for memory; 0: messages only
  bool is_new = false;     // a place was set aside for it now
  std::string arm_report;  // if the machine was armed anew around the place: what that has said
};

// Puts the ticket, with capture kernel and initramfs as `files` names them, into `directory`, which must be there, as
// the initramfs of the system is to have them. Tickets for several kernels are the same one, until a dump has come of
// it. If what is loaded could write into its place, the machine is armed anew, as `running` says. The caller holds the
// lock. On failure the directory holds nothing of it; a place that is kept already stays so.
Result<TicketReport> WriteTicket(Machine& machine, const StateDirectories& state, const Configuration& files,
                                 const Configuration& running, const std::string& directory);

// Arms the machine with the ticket in `directory`. Reads no disk: what the ticket says of the target is proven after
// the crash. `run` is /run/crashdump, which the system keeps. kRefused if anybody but root could have read or written
// the ticket. A later `load` replaces what is loaded. Returns the ticket's key id.
Result<DumpId> LoadTicket(Machine& machine, StateDirectory& run, const std::string& directory);

}  // namespace crashdump
