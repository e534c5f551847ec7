//! What both sides must agree on before it is used: each feature when it is negotiated, and when it is not. And what is
//! agreed on in the configuration alone: confederations, roles, whose AS numbers, communities, limits.

mod add_path;
mod as_numbers;
mod communities;
mod confederation;
mod drain;
mod graceful_restart;
mod limits;
mod long_lived;
mod messages;
mod refresh;
mod roles;
mod two_octet;
