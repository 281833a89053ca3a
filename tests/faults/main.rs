//! The fault suite: programs to which something happens, and what is in their traces
//! then, against logs and counters of their own. `HEAPLINE_SOAK=1` runs the long forms.
//! What a machine does not let a test do (mount, make a control group) it says on stderr and
//! skips; with `HEAPLINE_ALL_FAULTS` that is a failure.
//!
//! Each fault of the project's checklist, and the tests that hold it: `MODULE::FUNCTION` of
//! this suite, or the file of another one (`it/…` below `tests`, others below `crates`).
//!
//! | | fault | tests |
//! |---|---|---|
//! | T01 | SIGKILL; also while several threads reallocate in one pool | `endings::t01_sigkill`, `endings::t01_a_missing_operation_is_noticed`; above the system's allocator `it/killed.rs::nothing_that_returned_is_lost` |
//! | T02 | `abort`, panics that abort | `endings::t02_abort` |
//! | T03 | `exit` in a thread | `endings::t03_exit_in_a_thread` |
//! | T04 | `_exit`, `exit_group`, `quick_exit` | `endings::t04_exits_without_handlers` |
//! | T05 | return from `main` while threads run | `endings::t05_return_from_main` |
//! | T06 | the program's own crashes | `endings::t06_crashes` |
//! | T07 | out of memory in a control group | `host::t07_out_of_memory` |
//! | T08 | signals that end the program | `endings::t08_signals` |
//! | T09 | reading while the program runs or is stopped; also while several threads reallocate in one pool | `endings::t09_stopped_meanwhile`, `it/live.rs::every_snapshot_is_a_consistent_cut`, `it/live.rs::a_stopped_program_has_everything_in_its_file_and_goes_on`, `it/live.rs::a_summary_of_a_running_program` |
//! | T10 | `fork`, also by system calls and before `main` | `forks::t10_forks`, `forks::t10_forks_before_main` |
//! | T11 | children that record by themselves | `forks::t11_forks_that_follow`, `forks::t11_daemons`, `forks::t11_families`, `forks::t11_a_child_that_records` |
//! | T12 | `Command`, `pre_exec`, the same variables | `forks::t12_spawns`, `forks::t12_spawns_that_follow` |
//! | T13 | full disks, also under copy-on-write | `disk::t13_disk_floor`, `disk::t13_disk_full`, `disk::t13_disk_full_under_copy_on_write` |
//! | T14 | slow disks | `disk::t14_stalls` on this disk; of a slower one none: that takes a device of its own, and writing is synchronous, so that nothing piles up |
//! | T15 | file size limits | `disk::t15_file_size_limit`, `disk::t15_and_stderr_is_a_closed_pipe`, `disk::t15_no_file_may_grow` |
//! | T16 | closed descriptors | `descriptors::t16_closed_descriptors`, `descriptors::t16_closed_standard_streams`, `descriptors::t16_a_descriptor_that_is_taken`, `descriptors::t16_closed_and_not_to_be_found`, `descriptors::t16_the_descriptor_is_high_and_closed_on_exec` |
//! | T17 | moved and unlinked traces, lost rights, one path for two | `descriptors::t17_moved_files_and_lost_rights`, `descriptors::t17_two_programs_with_one_path`, `starts::t17_one_path_in_two_namespaces`, `it/idle/places.rs::only_the_user_may_read_it` |
//! | T18 | paths where no trace can be, or where others send it | `it/idle/asked.rs::a_trace_that_cannot_be_made_costs_one_line`, `it/idle/places.rs::files_of_others_are_left_alone`, `it/idle/places.rs::folders_pipes_and_devices_are_left_alone`, `it/idle/places.rs::links_are_not_followed`, `host::t18_foreign_rights_and_the_variable` |
//! | T19 | several recorders in one process | `linking::t19_two_recorders`; a library that records and is unloaded none: it must not be |
//! | T20 | the loader's lock | `rules::t20_loader`, `it/verify.rs::a_million_stacks_are_the_same_with_the_memo_and_without` (libraries) |
//! | T21 | calls of the hook | `code::t21_the_hook_calls_nothing_that_it_may_not`; the totals of `rules::t22_panics` and its like |
//! | T22 | panics with destructors that allocate | `rules::t22_panics` |
//! | T23 | other inner allocators | `rules::t23_inner_allocators` |
//! | T24 | destructors at a thread's end | `rules::t24_destructors_of_variables`, `rules::t24_destructors_of_keys`; of other toolchains none: the suite runs on the one that starts it |
//! | T25 | thousands of threads, threads of C | `it/crowd.rs::threads_that_are_all_alive`, `it/crowd.rs::threads_that_follow_each_other_share_slots`, `rules::t25_c_threads` |
//! | T26 | signal handlers that allocate | `host::t26_signal_handlers` |
//! | T27 | before `main` | `host::t27_before_main`, `host::t27_threads_before_main`, `linking::t27_a_constructor_of_c_calls_rust`, `linking::t27_a_constructor_in_a_program_of_c` |
//! | T28 | behind `main` | `endings::t05_return_from_main` |
//! | T29 | small stacks | `host::t29_small_stacks`, `host::t29_near_the_guard`; a first capture closer to the guard than 6.6 KiB none: it takes as much |
//! | T30 | other stacks: coroutines, sigaltstack | `it/verify.rs::a_million_stacks_are_the_same_with_the_memo_and_without`, `heapline-unwind/tests/stack_switch.rs::one_switch_and_back`, `heapline-unwind/tests/stack_switch.rs::switches_in_a_row`, `heapline-unwind/tests/signals.rs::on_a_stack_of_its_own` |
//! | T31 | cancelled threads | `host::t31_cancelled_threads`; asynchronously none: that ends any Rust program |
//! | T32 | errno | `host::t32_errno` |
//! | T33 | `start` and `stop` in a storm, also of forks, and in handlers | `forks::t33_start_and_stop`, `forks::t33_forks_meanwhile`, `starts::t33_stop_in_a_handler` |
//! | T34 | refused system calls | `disk::t34_refused_system_calls`; where one kills none: there is no mode that makes all calls beforehand |
//! | T35 | no /proc | `host::t35_no_proc` |
//! | T36 | locked memory | `disk::t36_locked_memory`, `disk::t36_the_recorder_locks_nothing` |
//! | T37 | addresses, threads of ours | `host::t37_nothing_moves` |
//! | T38 | parking_lot | `rules::t38_parking_lot` |
//! | T39 | backtraces | `rules::t39_backtraces` |
//! | T40 | every system call fails | `injected::t40_every_system_call_fails_in_turn`, `injected::t40_a_failed_start_replaces_nothing` |
//! | T50 | reallocations against a model | `host::t50_reallocations_against_a_model` |
//! | T51 | reallocations on many threads | `rules::t51_reallocation_storm`, `endings::t01_sigkill`, `it/order.rs::blocks_that_pass_from_thread_to_thread_are_paired_right` |
//! | T52 | no address space | `disk::t52_address_space`, `it/totals.rs::refused_allocations` |
//! | T53 | zeroed memory stays lazy | `host::t53_zeroed_memory_stays_lazy` |
//! | T54 | refused allocations | `it/totals.rs::refused_allocations` |
//! | T55 | alignments | `it/totals.rs::large_alignments` |
//! | T56 | wrong layouts at deallocation | `host::t56_wrong_layouts`; reported none: the compiler makes such, too |
//! | T57 | blocks from before | `host::t57_blocks_from_before` |
//! | T60 | addresses that pass from thread to thread at once | `it/order.rs::blocks_that_pass_from_thread_to_thread_are_paired_right` |
//! | T61 | stamps that do not wait: the tests of order fail | `it/stamps.rs::stamps_that_do_not_wait_are_put_right_by_the_reader` |
//! | T62 | other clocks, ties, steps back | `starts::t62_the_counter_is_forbidden`, `it/stamps.rs::so_do_those_of_the_fallback_clock`, `it/stamps.rs::the_fallback_clock_gives_durations`, `heapline/src/clock.rs::stamps_ascend_in_every_mode`, `heapline-report/src/tests/order.rs::a_chain_of_ties_is_followed`, `heapline-report/src/tests/order.rs::small_inversions_are_repaired_and_counted` |
//! | T63 | blocks handed over by plain loads | `it/stamps.rs::stamps_wait_for_the_load_that_receives_a_block`, `it/order.rs::the_same_when_recording_begins_in_the_middle` |
//! | T70 | walks over anything | `heapline-unwind/tests/hook_conditions.rs::wild_registers_end_in_a_cut` |
//! | T71 | builds of all kinds | `it/stacks.rs::stacks_of_a_release_build_are_exact`, `it/stacks.rs::stacks_with_frame_pointers_are_exact`, `it/stacks.rs::stacks_without_optimisation_are_exact`, `it/stacks.rs::stacks_of_fat_lto_and_abort_are_exact`, `it/stacks.rs::stacks_of_other_builds_are_exact` |
//! | T72 | callbacks from C | `heapline-unwind/tests/stacks.rs::callbacks_from_c`, `it/stacks.rs::stacks_of_a_release_build_are_exact` (qsort) |
//! | T73 | recursion | `it/stacks.rs::recursion_of_any_depth`, `heapline-unwind/tests/memo.rs::a_limited_stack_has_its_outer_and_inner_ends` |
//! | T74 | code made at run time, with a frame pointer and without | `heapline-unwind/tests/modules.rs::code_without_tables_cuts_the_stack` |
//! | T75 | tasks that go from thread to thread | `rules::t75_tasks` |
//! | T76 | generated call trees, with the memo and without | `heapline-unwind/tests/memo.rs::random_call_trees`, `it/verify.rs::a_million_stacks_are_the_same_with_the_memo_and_without`, `it/verify.rs::so_they_are_in_other_builds` |
//! | T77 | stacks made to deceive the memo | `heapline-unwind/src/tests.rs::rules_of_a_library_that_went_are_noticed`, `heapline-unwind/src/tests.rs::frames_popped_and_pushed_again_are_noticed`, `heapline-unwind/src/tests.rs::another_stack_is_noticed`, `heapline-unwind/tests/longjmp.rs::frames_that_were_jumped_over_are_not_remembered`, `heapline-unwind/tests/stack_switch.rs::a_smaller_stack_in_place_of_a_left_one`, `heapline-unwind/tests/signals.rs::between_any_two_instructions`, `heapline-unwind/tests/stacks.rs::panics_that_are_unwound_and_caught` |
//! | T78 | the memo's checks left out: the tests fail | `heapline-unwind/src/tests.rs::without_comparing_words_the_same_test_fails`, `heapline-unwind/src/tests.rs::without_looking_which_stack_it_is_the_same_test_fails`, `heapline-unwind/src/tests.rs::without_stale_rules_the_same_test_fails` |
//! | T79 | a wrong word at any depth | `heapline-unwind/tests/memo.rs::a_wrong_word_at_any_depth_costs_one_pass`, `heapline-unwind/tests/memo.rs::deep_stacks_cost_what_has_changed` |
//! | T80 | known sites | `heapline-report/tests/symbols/golden.rs::lines_of_known_sites`, `heapline-report/tests/symbols/golden.rs::lines_of_known_sites_with_v0_names`, `heapline-report/tests/symbols/golden.rs::lines_of_known_sites_in_an_incremental_build`, `heapline-report/tests/symbols/oracle.rs::lines_agree_with_binutils`, `it/lines.rs::lines_of_a_release_build_have_exactly_their_bytes` |
//! | T81 | link-time optimisation, functions folded by the linker | `linking::t81_folded_functions`, `heapline-report/tests/symbols/golden.rs::lines_of_known_sites_with_fat_lto`, `it/lines.rs::lines_of_fat_lto_and_abort_have_exactly_their_bytes` |
//! | T82 | libraries in each other's place | `it/replaced.rs::stacks_are_those_of_the_library_that_was_there` |
//! | T83 | binaries of another build | `heapline-report/tests/symbols/refusals.rs::a_program_that_was_rebuilt`, `it/cli/symbols.rs::a_binary_of_another_build` |
//! | T84 | debug information elsewhere, or compressed | `heapline-report/tests/symbols/separate.rs::beside_the_program_by_its_link`, `heapline-report/tests/symbols/separate.rs::by_build_id_even_if_the_program_is_gone`, `heapline-report/tests/symbols/separate.rs::compressed_sections`, `heapline-report/tests/symbols/separate.rs::split_units_in_one_package`, `heapline-report/tests/symbols/separate.rs::split_units_in_files_of_their_own`, `it/cli/symbols.rs::a_stripped_binary`; shared units (dwz) none: the reader of symbols loses inlined functions there, not their lines |
//! | T85 | static and position-dependent programs | `linking::t85_static_and_position_dependent_programs`, `heapline-report/tests/symbols/golden.rs::lines_of_known_sites_in_a_position_dependent_program`; with musl none: its standard library is not in the toolchain |
//! | T90 | damaged traces | `heapline-trace/tests/damage.rs::a_file_cut_anywhere_gives_an_error_or_whole_blocks`, `heapline-trace/tests/damage.rs::flipped_bits_are_noticed_or_harmless`, `heapline-trace/tests/damage.rs::lost_and_doubled_blocks_are_counted`, `it/cli/damaged.rs::a_trace_cut_behind_its_header_is_shown_as_far_as_it_goes` |
//! | T91 | traces larger than memory | `disk::t91_a_trace_larger_than_memory` with a limit of 64 MiB, in the soak 100 MiB for 1.7 GiB; of 20 GB none: as much disk is not everywhere |
//! | T92 | fuzzed readers | `it/fuzzed.rs::traces`, `it/fuzzed.rs::records`, `it/fuzzed.rs::objects`, `it/fuzzed.rs::stored_symbols`, `it/fuzzed.rs::notes`: the corpora of tests/fuzz |
//! | T93 | hostile traces | `heapline-trace/tests/packed.rs::hostile_lengths_are_refused`, `heapline-trace/src/decode.rs::a_node_that_is_its_own_parent_is_refused`, `heapline-report/src/symbols/store_packed.rs::what_inflates_too_much_is_refused`, `heapline-report/src/tests/hostile.rs::flipped_bits_of_records_do_no_harm` |
//! | T94 | names that do something to a terminal or a page | `it/cli/output.rs::nothing_in_a_trace_controls_the_terminal`, `heapline-report/src/source.rs::nothing_active_is_left`, `heapline-report/src/render/json.rs::names_stay_names_and_do_nothing_to_a_terminal`, `heapline-report/src/tests/flamegraphs.rs::hostile_names_are_text` |
//! | T95 | traces of older versions | none: there is no older version; the bytes of packed ones are pinned by `heapline-trace/tests/packed.rs::the_bytes_are_pinned` |

use std::io::Write as _;

mod check;
mod code;
mod descriptors;
mod disk;
mod endings;
mod forks;
mod host;
mod injected;
mod linking;
#[path = "../it/processes.rs"]
mod processes;
mod rules;
mod run;
mod starts;
#[path = "../it/support.rs"]
mod support;
#[path = "../it/totals_oracle.rs"]
mod totals_oracle;

/// Whether the long forms are asked for.
fn is_soak() -> bool {
    std::env::var_os("HEAPLINE_SOAK").is_some()
}

/// Says which test does nothing here, and why: on stderr itself, which no test captures.
#[track_caller]
fn skip(test: &str, reason: &str) {
    let reason = reason.trim_end();
    let is_failure = std::env::var_os("HEAPLINE_ALL_FAULTS").is_some();
    assert!(!is_failure, "{test} is skipped: {reason}");
    let line = format!("skipped: {test}: {reason}\n");
    // Whoever has closed it does not want to know.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Says what a test has measured.
#[allow(clippy::print_stdout, reason = "that is what it is for")]
fn say(text: &str) {
    println!("{text}");
}
