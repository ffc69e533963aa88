#pragma once

#include <string>

/// What a command prints to stdout is its result: where not all of it arrives, the command has failed. Commands print
/// to `std::cout`; `main` prepares that before any of them runs, and ends each of them with `finish_output`.
namespace millrace::tools {

/// Lets `std::cout` remember why it failed, makes a pipe that nobody reads any more and a file as large as the process
/// may make it errors like any other, and sees to it that no file takes the place of a standard stream that was closed
/// before the program started. Once per process, before it opens any file.
void prepare_output();

/// Whether all that was printed so far was taken. A command that prints much asks now and then, so that it can stop.
bool output_arrives();

/// Says on stderr what the command has done where what it printed about that did not arrive: whoever sees the command
/// fail must not take that for undone.
void vouch(const std::string& sentence);

/// Gives `code` where everything that was printed arrived. Otherwise says why not on stderr and gives
/// `exit_code::failed`; where a pipe's reader went away, which is no fault, nothing is said and the code is
/// `exit_code::closed_pipe`. A `code` that is not `exit_code::ok` stays.
int finish_output(int code);

} // namespace millrace::tools
