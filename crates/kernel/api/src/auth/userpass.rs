//! People with a name and a password (`auth/userpass/*`).

use crate::field::CommaList;

crate::role_fields! {
    /// A user to write.
    pub struct WriteUser {
        /// The name; case does not matter.
        username: String,
        /// The password; needed for a new user.
        password: Option<String>,
        /// A hash made elsewhere; not taken.
        password_hash: Option<String>,
    }
}

crate::fields! {
    /// Names a user.
    pub struct UserName {
        /// The name; case does not matter.
        username: String,
    }
}

crate::fields! {
    /// A password, with whose it is.
    pub struct Password {
        /// The name; case does not matter.
        username: String,
        /// The password.
        password: String,
        /// A hash made elsewhere; not taken.
        password_hash: Option<String>,
    }
}

crate::fields! {
    /// Policies of a user.
    pub struct WritePolicies {
        /// The name; case does not matter.
        username: String,
        /// Policies of the tokens.
        token_policies: Option<CommaList>,
        /// The former name of `token_policies`.
        policies: Option<CommaList>,
    }
}

crate::fields! {
    /// Credentials of a user.
    pub struct Credentials {
        /// The name; case does not matter.
        username: String,
        /// The password.
        password: String,
    }
}

crate::endpoints! {
    /// Log in with a name and a password.
    LogIn = Update "login/{username}" => Credentials;
    /// List users.
    ListUsers = List "users" => crate::sys::Page;
    /// Change the password of a user.
    UpdatePassword = Update "users/{username}/password" => Password;
    /// Change the policies of a user.
    UpdatePolicies = Update "users/{username}/policies" => WritePolicies;
    /// Read a user.
    ReadUser = Read "users/{username}" => UserName;
    /// Write a user.
    UpdateUser = Update "users/{username}" => WriteUser;
    /// Delete a user.
    DeleteUser = Delete "users/{username}" => UserName;
}
